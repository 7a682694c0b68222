import { describe, expect, it } from '@jest/globals';
import { type Account, asked, granted } from '../play/rights.ts';

const REPEATS = 'when the same happens once more';
const RARE_LIST = 'a watch begins with a list where the API server streams none';

/** Granted, and perhaps not used in all of the above; each with its reason. */
const RARE: Readonly<Record<Account, Readonly<Record<string, string>>>> = {
  'instance-store-csi-node': {
    'get persistentvolumeclaims': 'only for a volume whose name does not end with the UID of its claim',
    'list persistentvolumeclaims': RARE_LIST,
    'list storageclasses.storage.k8s.io': RARE_LIST,
    'list csistoragecapacities.storage.k8s.io': RARE_LIST,
    'patch events': REPEATS,
  },
  'instance-store-csi-controller': {
    'list persistentvolumes': RARE_LIST,
    'list persistentvolumeclaims': RARE_LIST,
    'patch events': REPEATS,
  },
};

describe.each(Object.keys(RARE) as readonly Account[])('the rights of %s', (account) => {
  it('were enough for all that went before', async () => {
    const { forbidden } = await asked(account);
    expect([...forbidden]).toEqual([]);
  });

  it('are no more than were used, but for those with a reason', async () => {
    const { used } = await asked(account);
    const idle = [...(await granted(account))].filter((right) => !used.has(right));
    expect(idle.filter((right) => !(right in RARE[account]))).toEqual([]);
  });
});
