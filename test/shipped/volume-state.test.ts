import { access, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { run } from '../host/lab/tool.ts';
import type { Made, Wanted } from '../player/player.ts';
import { entryOf, healthOf, mountsAt, partitionOf, refusal, tableOf, untilAvailable } from './volume/seen.ts';
import { MIB, World } from './volume/world.ts';

const DISK = 800n * MIB;

/** Staged and published, with a file in it. */
async function inUse(world: World, wanted: Wanted): Promise<Made> {
  const made = await world.player.create(wanted);
  await world.player.stage(made);
  await writeFile(join(await world.player.publish(made), 'ledger'), 'the only copy\n');
  return made;
}

const ledger = (path: string): Promise<string> => readFile(join(path, 'ledger'), 'utf8');

describe('The state directory, lost', () => {
  it('costs no data: a volume is staged, read, grown and deleted from the disk alone', async () => {
    await using world = await World.of([DISK]);
    const { availableBytes } = await world.player.capacity();
    const made = await inUse(world, { name: 'pvc-kept', sizeBytes: 300n * MIB, access: 'xfs' });
    await world.player.unpublish(made);
    await world.player.unstage(made);
    await world.restart(() => run('rm', ['-rf', world.stateFile()]));
    const byHand: Made = { ...made, context: {} };
    expect(await ledger(await world.player.stage(byHand))).toBe('the only copy\n');
    const target = await world.player.publish(byHand);
    expect(await world.player.expand(byHand, 330n * MIB)).toBe(330n * MIB);
    expect(await ledger(target)).toBe('the only copy\n');
    expect(await healthOf(world, made)).toBeUndefined();
    await world.player.unpublish(byHand);
    await world.player.unstage(byHand);
    await world.player.delete(made.id);
    await untilAvailable(world, availableBytes);
  });

  it('under a mounted volume: unpublish and unstage find it by what is mounted', async () => {
    await using world = await World.of([DISK]);
    const made = await inUse(world, { name: 'pvc-mounted', sizeBytes: 16n * MIB, access: 'ext4' });
    await world.restart(() => run('rm', ['-rf', world.stateFile()]));
    await world.player.stage(made);
    expect(await refusal(world.player.delete(made.id))).toMatchObject({ code: 'FAILED_PRECONDITION' });
    await world.player.unpublish(made);
    await world.player.unstage(made);
    expect(await mountsAt(world.player.stagingPath(made))).toEqual([]);
    await world.player.delete(made.id);
  });

  it('lets a repeated CreateVolume find its volume, and refuses another size of that name', async () => {
    await using world = await World.of([DISK]);
    const wanted: Wanted = { name: 'pvc-repeated', sizeBytes: 16n * MIB, access: 'ext4' };
    const made = await world.player.create(wanted);
    await world.restart(() => run('rm', ['-rf', world.stateFile()]));
    expect(await world.player.create(wanted)).toEqual(made);
    expect(await tableOf(world.device())).toHaveLength(2);
    const larger = await refusal(world.player.create({ ...wanted, sizeBytes: 32n * MIB }));
    expect(larger.code).toBe('ALREADY_EXISTS');
  });
});

describe('A record that is junk', () => {
  it.each([
    ['no JSON', 'not a record \u0000'],
    ['cut short', '{"formatVersion":1,"state":"comm'],
    ['of another shape', '{"formatVersion":1,"state":"committed","handle":7}'],
  ])('%s: is set aside as .broken, and its volume is served', async (_, junk) => {
    await using world = await World.of([DISK]);
    const made = await inUse(world, { name: 'pvc-junk', sizeBytes: 16n * MIB, access: 'ext4' });
    const record = world.recordFile(made.id);
    await world.restart(() => writeFile(record, junk));
    expect(await readFile(`${record}.broken`, 'utf8')).toBe(junk);
    await expect(access(record)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readFile(world.driver.logFile, 'utf8')).toContain('record-set-aside');
    await world.player.unpublish(made);
    await world.player.unstage(made);
    expect(await ledger(await world.player.stage(made))).toBe('the only copy\n');
    await world.player.unstage(made);
    await world.player.delete(made.id);
  });
});

describe('A record that was half written when the driver was killed', () => {
  it('is removed at the next start, and nothing else is', async () => {
    await using world = await World.of([DISK]);
    await world.restartToDieAt('2');
    const wanted: Wanted = { name: 'pvc-half', sizeBytes: 16n * MIB, access: 'ext4' };
    expect(await refusal(world.player.create(wanted))).toMatchObject({ code: 'UNAVAILABLE' });
    const [half = ''] = await readdir(world.stateFile('volumes'));
    expect(half).toMatch(/^[0-9a-f-]{36}\.json\.tmp$/);
    await world.restart(() => writeFile(world.stateFile('volumes', 'notes.json.tmp'), "somebody's"));
    expect(await readdir(world.stateFile('volumes'))).toEqual(['notes.json.tmp']);
    expect(`${(await world.player.create(wanted)).id}.json.tmp`).toBe(half);
  });
});

describe('A reboot', () => {
  it('after which the kernel shows no partition: the driver puts them back, and the volume is served', async () => {
    await using world = await World.of([DISK]);
    const made = await inUse(world, { name: 'pvc-boot', sizeBytes: 16n * MIB, access: 'ext4' });
    await world.player.unpublish(made);
    await world.player.unstage(made);
    const partition = await partitionOf(world.device(), made.id);
    await world.restart(async () => {
      await world.reattach(world.device(), world.image('disk-0'));
      await expect(access(partition)).rejects.toMatchObject({ code: 'ENOENT' });
    });
    await access(partition);
    expect(await ledger(await world.player.stage(made))).toBe('the only copy\n');
  });

  it('while the kernel shows a partition elsewhere than the table: it is put right before anything is opened', async () => {
    await using world = await World.of([DISK]);
    const made = await inUse(world, { name: 'pvc-moved', sizeBytes: 16n * MIB, access: 'ext4' });
    await world.player.unpublish(made);
    await world.player.unstage(made);
    const { number, startBytes, sizeBytes } = await entryOf(world.device(), made.id);
    await world.restart(async () => {
      await run('delpart', [world.device(), String(number)]);
      await run('addpart', [world.device(), String(number), String(400n * 2048n), String(16n * 2048n)]);
    });
    const shown = (name: string) =>
      readFile(`/sys/class/block/${world.device().slice('/dev/'.length)}p${number}/${name}`, 'utf8');
    expect(BigInt((await shown('start')).trim()) * 512n).toBe(startBytes);
    expect(BigInt((await shown('size')).trim()) * 512n).toBe(sizeBytes);
    expect(await ledger(await world.player.stage(made))).toBe('the only copy\n');
  });
});
