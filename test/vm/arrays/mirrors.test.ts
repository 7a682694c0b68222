import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Disk } from '../lab/disk.ts';
import { ArrayLab, configuration, MIB, pool } from './lab.ts';

const LEVELS = ['raid1', 'raid10'] as const;

describe('raid1 of two disks, and raid10 of four', () => {
  let lab: ArrayLab;
  let byName: ReadonlyMap<string, Disk>;
  let config: object;

  const disk = (name: string): Disk => byName.get(name) as Disk;

  async function boot(...names: readonly string[]): Promise<void> {
    await lab.machine.boot(names.map(disk));
    await lab.node.start(config);
  }

  /** M are for the mirror, T for raid10, N1 is another node's. M1, M2 and T1 to T4 are there first. */
  beforeAll(async () => {
    lab = await ArrayLab.create();
    const [ones, tens, [foreign]] = [
      await lab.disks(['M1', 'M2', 'M3'], 96n * MIB),
      await lab.disks(['T1', 'T2', 'T3', 'T4', 'T5'], 96n * MIB),
      await lab.disks(['N1'], 96n * MIB),
    ];
    const all = [...ones, ...tens, foreign as Disk];
    byName = new Map(all.map((one) => [one.serial, one]));
    config = configuration(pool('raid1', [...ones, foreign as Disk], 2), pool('raid10', tens, 4));
    await lab.machine.boot(['M1', 'M2', 'T1', 'T2', 'T3', 'T4', 'N1'].map(disk));
    await lab.node.startElsewhere(configuration(pool('none', [foreign as Disk])));
    await lab.node.stop();
    await lab.node.start(config);
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  it('makes an array in each pool, and serves volumes', async () => {
    for (const level of LEVELS) expect(await lab.array(level)).toMatchObject({ level, stands: 'whole' });
    for (const level of LEVELS)
      for (const access of ['ext4', 'block'] as const)
        await lab.make({
          name: `${level}-${access}`,
          sizeBytes: 24n * MIB,
          access,
          parameters: { pool: level },
        });
  });

  it('serves on when disks are pulled out, says so, and takes them in again when they are back', async () => {
    for (const name of ['M2', 'T3']) await lab.pull(disk(name));
    await lab.until(2, 'ArrayDegraded');
    await lab.expectServed();
    await lab.plugIn();
    await lab.until(0);
    expect(await lab.machine.sh('cat /sys/block/md*/md/degraded')).toBe('0\n0\n');
  });

  it("serves without a member after a reboot, and leaves another node's disk in its place alone", async () => {
    await lab.shutDown();
    await boot('M1', 'N1', 'T1', 'T2', 'T4');
    await lab.until(2, 'ArrayDegraded');
    expect(await lab.verdictOf(disk('N1'))).toMatch(/^refused: another node's mark/);
    expect(await lab.node.storageHealth()).toContainEqual(
      expect.stringMatching(/^STORAGE_DEGRADED ArrayDegraded: .*1 of 4 members missing: /),
    );
    await lab.expectServed();
  });

  it('rebuilds blank disks into them', async () => {
    await lab.shutDown();
    await boot('M1', 'M3', 'T1', 'T2', 'T4', 'T5');
    await lab.until(0);
    expect(await lab.node.storageHealth()).toEqual([]);
    await lab.expectServed();
  });

  it('has everything on the new disks: serves from them alone, and leaves a replaced one alone', async () => {
    await lab.shutDown();
    await boot('M2', 'M3', 'T1', 'T2', 'T5');
    await lab.until(2, 'ArrayDegraded');
    expect((await lab.array('raid1'))?.members).toEqual([
      expect.objectContaining({ state: 'away' }),
      expect.objectContaining({ disk: lab.machine.pathOf(disk('M3')), state: 'in' }),
    ]);
    await lab.expectServed();
  });
});
