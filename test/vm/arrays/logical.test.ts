import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Made, Wanted } from '../../player/player.ts';
import type { Disk } from '../lab/disk.ts';
import { ArrayLab, configuration, MIB, pool } from './lab.ts';

const WANTED: readonly Wanted[] = [
  { name: 'pvc-xfs', sizeBytes: 304n * MIB, access: 'xfs' },
  { name: 'pvc-block', sizeBytes: 24n * MIB, access: 'block' },
];

describe('logical volumes on a raid0 of two disks', () => {
  let lab: ArrayLab;
  let disks: readonly Disk[];
  let config: object;
  let emptyBytes: bigint;

  beforeAll(async () => {
    lab = await ArrayLab.create();
    disks = await lab.disks(['A', 'B'], 256n * MIB);
    config = configuration({ ...pool('raid0', disks, 2), carving: 'lvm' });
    await lab.machine.boot(disks);
    await lab.node.start(config);
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  it('are larger than a disk, and grow over what lies between', async () => {
    ({ availableBytes: emptyBytes } = await lab.node.capacity());
    for (const wanted of WANTED) await lab.make(wanted);
    const [xfs] = lab.volumes as [Made];
    expect(await lab.node.expand(xfs, 352n * MIB)).toBe(352n * MIB);
    await lab.expectServed();
  });

  it('are there after a reboot, whatever the kernel calls the disks', async () => {
    await lab.shutDown();
    await lab.machine.boot(disks.toReversed());
    await lab.node.start(config);
    await lab.expectServed();
  });

  it('are data loss while a disk is out, and served when it is back', async () => {
    await lab.pull(disks[1] as Disk);
    await lab.until(1, 'MemberMissing');
    for (const made of lab.volumes)
      expect(await lab.node.health(made)).toEqual([expect.stringMatching(/^DATA_LOSS MemberMissing: /)]);
    await lab.leaveAll();
    await lab.plugIn();
    await lab.untilServed();
    await lab.expectServed();
  });

  it('leave nothing when they are deleted', async () => {
    await lab.leaveAll();
    for (const made of lab.volumes.splice(0)) await lab.node.remove(made);
    await lab.node.untilAvailable(emptyBytes);
    expect(await lab.machine.sh('dmsetup ls')).toBe('No devices found\n');
  });
});
