import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Made, Wanted } from '../../player/player.ts';
import type { Disk } from '../lab/disk.ts';
import { ArrayLab, configuration, MIB, pool } from './lab.ts';

describe('raid0 of two disks, and a third one', () => {
  const WANTED: readonly Wanted[] = [
    { name: 'pvc-ext4', sizeBytes: 48n * MIB, access: 'ext4' },
    { name: 'pvc-block', sizeBytes: 48n * MIB, access: 'block' },
    { name: 'pvc-xfs', sizeBytes: 1200n * MIB, access: 'xfs' },
  ];
  let lab: ArrayLab;
  let disks: readonly Disk[];
  let config: object;
  let emptyBytes: bigint;
  let identity: string | undefined;

  beforeAll(async () => {
    lab = await ArrayLab.create();
    disks = await lab.disks(['A', 'B', 'C'], 704n * MIB);
    config = configuration(pool('raid0', disks, 2));
    await lab.machine.boot(disks);
    await lab.node.start(config);
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  async function expectLost(made: Made): Promise<void> {
    expect(await lab.node.health(made)).toEqual([
      expect.stringMatching(/^DATA_LOSS MemberMissing: .*1 of 2 members missing/),
    ]);
    expect(await lab.node.storageHealth()).toEqual([
      expect.stringMatching(/^STORAGE_UNREACHABLE MemberMissing: /),
    ]);
    await expect(lab.node.stage(made)).rejects.toThrow(/cannot be read, 1 of 2 members missing/);
    expect((await lab.node.capacity()).availableBytes).toBe(0n);
  }

  it('makes one array of the first two, and leaves the third one blank', async () => {
    const { arrays, disks: shown } = await lab.status();
    expect(arrays).toEqual([expect.objectContaining({ level: 'raid0', stands: 'whole' })]);
    identity = arrays[0]?.array;
    expect(shown.filter(({ verdict }) => verdict.startsWith('blank, '))).toHaveLength(1);
    ({ availableBytes: emptyBytes } = await lab.node.capacity());
    expect(emptyBytes).toBeGreaterThan(1390n * MIB);
  });

  it('serves volumes of every kind, and tells filesystems the stripes', async () => {
    for (const wanted of WANTED) await lab.make(wanted);
    const [, , xfs] = lab.volumes as [Made, Made, Made];
    expect(await lab.machine.sh(`xfs_info ${await lab.node.publish(xfs)}`)).toMatch(
      /sunit=128 +swidth=256 blks/,
    );
  });

  it('is found after a reboot, whatever the kernel calls the disks', async () => {
    const names = disks.map((disk) => lab.machine.pathOf(disk));
    await lab.shutDown();
    await lab.machine.boot(disks.toReversed());
    expect(disks.map((disk) => lab.machine.pathOf(disk))).not.toEqual(names);
    await lab.node.start(config);
    await lab.expectServed();
    const [, , xfs] = lab.volumes as [Made, Made, Made];
    expect(await lab.node.expand(xfs, 1232n * MIB)).toBe(1232n * MIB);
    await lab.expectServed();
  });

  it('is used as it is when the host has assembled it under another name', async () => {
    await lab.leaveAll();
    await lab.node.stop();
    const { array = '', disk } = (await lab.array('raid0')) ?? {};
    const uuid = array.replace('md:', '');
    await lab.machine.sh(`mdadm --stop ${disk} && mdadm --assemble /dev/md9 --uuid=${uuid}`);
    await lab.node.start(config);
    expect(await lab.array('raid0')).toMatchObject({ array: identity, disk: '/dev/md9', stands: 'whole' });
    await lab.expectServed();
  });

  it('deletes volumes and has their room again', async () => {
    await lab.leaveAll();
    for (const made of lab.volumes.splice(0, 2)) await lab.node.remove(made);
    await lab.node.untilAvailable(emptyBytes - 1232n * MIB);
  });

  it('says DATA LOSS when a disk is pulled out, and makes nothing of what is left', async () => {
    const [lost] = lab.volumes as [Made];
    await lab.pull(disks[0] as Disk);
    await lab.until(1, 'MemberMissing');
    await expectLost(lost);
    await lab.node.stop();
    await lab.node.start(config);
    await lab.until(1, 'MemberMissing');
    await expectLost(lost);
  });

  it('serves it again when the disk is back', async () => {
    await lab.plugIn();
    await lab.untilServed();
    expect(await lab.array('raid0')).toMatchObject({ array: identity });
    await lab.expectServed();
  });
});
