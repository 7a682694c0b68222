import { describe, expect, it } from '@jest/globals';
import { type Account, asked, granted } from '../play/rights.ts';

const OLD_WATCH = 'a sidecar whose API server streams no initial list begins its watch by listing';

/** Granted and perhaps not used in all of the above, each with its reason. */
const SPARE: Readonly<Record<Account, Readonly<Record<string, string>>>> = {
  'instance-store-csi-node': {
    'get csistoragecapacities.storage.k8s.io':
      'the provisioner reads one anew when its update met a conflict',
    'get persistentvolumeclaims':
      'the claim of a volume that is not named after it; the provisioner, before a retry',
    'get storageclasses.storage.k8s.io': 'the provisioner, of a class that its watch has not told yet',
    'list csistoragecapacities.storage.k8s.io': OLD_WATCH,
    'list persistentvolumeclaims': OLD_WATCH,
    'list persistentvolumes': `${OLD_WATCH}; the driver, before it calls a volume an orphan`,
    'list storageclasses.storage.k8s.io': OLD_WATCH,
  },
  'instance-store-csi-controller': {
    'get persistentvolumeclaims': 'the resizer reads one anew when its patch met a conflict',
    'get persistentvolumes': 'the resizer reads one anew when its patch met a conflict',
    'list persistentvolumeclaims': OLD_WATCH,
    'list persistentvolumes': OLD_WATCH,
    'patch events': 'the resizer counts up an event that it tells again',
  },
};

describe.each(Object.keys(SPARE) as readonly Account[])('the rights of %s', (account) => {
  it('were enough for all that went before', async () => {
    const { forbidden } = await asked(account);
    expect([...forbidden]).toEqual([]);
  });

  it('are no more than were used, but for those that have a reason', async () => {
    const { used } = await asked(account);
    const idle = [...(await granted(account))].filter(
      (right) => !used.has(right) && !(right in SPARE[account]),
    );
    expect(idle).toEqual([]);
  });
});
