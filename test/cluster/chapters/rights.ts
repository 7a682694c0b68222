import { describe, expect, it } from '@jest/globals';
import { type Account, asked, granted } from '../play/rights.ts';

/** Granted and not seen used in all of the above, each with its reason. */
const UNUSED: Readonly<Record<Account, Readonly<Record<string, string>>>> = {
  'instance-store-csi-node': {},
  'instance-store-csi-controller': {},
};

describe.each(Object.keys(UNUSED) as readonly Account[])('the rights of %s', (account) => {
  it('were enough for all that went before', async () => {
    const { forbidden } = await asked(account);
    expect([...forbidden]).toEqual([]);
  });

  it('are no more than were used', async () => {
    const { used } = await asked(account);
    const idle = [...(await granted(account))].filter((right) => !used.has(right));
    expect(idle.toSorted()).toEqual(Object.keys(UNUSED[account]).toSorted());
  });
});
