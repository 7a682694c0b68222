import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { run } from '../host/lab/tool.ts';
import { call } from '../player/client.ts';
import type { Made, Wanted } from '../player/player.ts';
import { readLog } from './driver/seen.ts';
import {
  bytesOf,
  entryOf,
  healthOf,
  partitionOf,
  refusal,
  tableOf,
  untilAvailable,
  untilHealth,
  VOLUME_TYPE,
} from './volume/seen.ts';
import { attachAside, blank, eventually, MIB, World } from './volume/world.ts';

const DISK = 400n * MIB;
const OTHER_MARK = '5b1f0c52-6b7e-4c0e-9d0a-7f4f4d6c2a11';
const EXT4: Wanted = { name: 'pvc-ledger', sizeBytes: 32n * MIB, access: 'ext4' };

/** A volume with a file in it, staged nowhere. */
async function kept(world: World, wanted: Wanted = EXT4): Promise<Made> {
  const made = await world.player.create(wanted);
  const path = await world.player.stage(made);
  await writeFile(join(path, 'ledger'), 'the only copy\n');
  await world.player.unstage(made);
  return made;
}

async function readBack(world: World, made: Made): Promise<string> {
  const path = await world.player.stage(made);
  const text = await readFile(join(path, 'ledger'), 'utf8');
  await world.player.unstage(made);
  return text;
}

const hasRecord = (world: World, { id }: Made): Promise<boolean> =>
  access(world.recordFile(id)).then(
    () => true,
    () => false,
  );

async function listed({ client: { controller } }: World): Promise<readonly string[]> {
  const { entries } = await call(controller, controller.ListVolumes, {});
  return entries.map(({ volume }) => volume?.volume_id ?? '');
}

describe('A prepared slice that lost its filesystem', () => {
  it.each([
    ['ext4', 32n * MIB],
    ['xfs', 300n * MIB],
    ['btrfs', 256n * MIB],
  ] as const)('%s: is refused as data loss, and no byte of it is written', async (fs, sizeBytes) => {
    await using world = await World.of([DISK]);
    const { availableBytes } = await world.player.capacity();
    const made = await kept(world, { name: 'pvc-lost', sizeBytes, access: fs });
    const partition = await partitionOf(world.device(), made.id);
    await run('wipefs', ['--all', partition]);
    const before = await bytesOf(partition);
    const refused = await refusal(world.player.stage(made));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(
      /was prepared with a filesystem .* now none is there; nothing was formatted/,
    );
    expect(await healthOf(world, made)).toMatchObject({ status: 'DATA_LOSS', reason: 'FilesystemLost' });
    expect(await bytesOf(partition)).toBe(before);
    await refusal(world.player.stage(made));
    expect((await readLog(world.driver.logFile)).filter(({ msg }) => msg === 'data-loss')).toEqual([
      expect.objectContaining({ level: 50, handle: made.id, reason: 'FilesystemLost' }),
    ]);
    await world.player.delete(made.id);
    await untilAvailable(world, availableBytes);
  });

  it('is refused as data loss when another filesystem stands there, which is named and kept', async () => {
    await using world = await World.of([DISK]);
    const made = await kept(world);
    const partition = await partitionOf(world.device(), made.id);
    await run('mkfs.ext4', ['-q', '-F', partition]);
    const before = await bytesOf(partition);
    const { message } = await refusal(world.player.stage(made));
    expect(message).toMatch(/now ext4 with UUID [0-9a-f-]{36} is there; nothing was formatted/);
    expect(await healthOf(world, made)).toMatchObject({ status: 'DATA_LOSS', reason: 'FilesystemLost' });
    expect(await bytesOf(partition)).toBe(before);
  });

  it('is unknown, not lost, while the disk does not answer', async () => {
    await using world = await World.of([DISK]);
    const made = await kept(world);
    const { startBytes } = await entryOf(world.device(), made.id);
    const partition = await partitionOf(world.device(), made.id);
    await run('truncate', [`--size=${startBytes}`, world.image('disk-0')]);
    await run('blockdev', ['--flushbufs', partition]);
    const refused = await refusal(world.player.stage(made));
    expect(refused.code).toBe('UNAVAILABLE');
    expect(refused.message).toMatch(/Cannot tell what filesystem/);
    expect(await healthOf(world, made)).toMatchObject({
      status: 'INACCESSIBLE',
      reason: 'DeviceNotAnswering',
    });
  });
});

describe('A disk that came back blank', () => {
  it('and was taken anew: its volume is refused as DiskWiped, deleting it forgets it', async () => {
    await using world = await World.of([DISK]);
    const { availableBytes } = await world.player.capacity();
    const made = await kept(world);
    const image = world.image('disk-0');
    await world.takeOut(world.device());
    await blank(image, DISK);
    await world.putIn(world.device(), image);
    await world.lookAgain();
    const health = await untilHealth(world, made, 'DiskWiped');
    await untilAvailable(world, availableBytes);
    expect(health.status).toBe('DATA_LOSS');
    const refused = await refusal(world.player.stage(made));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(/came back blank and was taken anew on .*; the volume's data are gone/);
    expect((await tableOf(world.device())).map(({ type }) => type)).not.toContain(VOLUME_TYPE);
    await world.player.delete(made.id);
    expect(await hasRecord(world, made)).toBe(false);
    expect(await listed(world)).toEqual([]);
  });

  it('and bears a new volume of that name: the old context is refused, the new one served', async () => {
    await using world = await World.of([DISK]);
    const { availableBytes } = await world.player.capacity();
    const old = await kept(world);
    const image = world.image('disk-0');
    await world.takeOut(world.device());
    await blank(image, DISK);
    await world.putIn(world.device(), image);
    await world.lookAgain();
    await untilHealth(world, old, 'DiskWiped');
    await untilAvailable(world, availableBytes);
    await world.player.delete(old.id);
    const anew = await world.player.create(EXT4);
    expect(anew.id).toBe(old.id);
    const refused = await refusal(world.player.stage(old));
    expect(refused).toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(refused.message).toMatch(/another life of the disk/);
    await world.player.stage(anew);
  });

  it('with somebody else’s filesystem on it: DiskWiped, and the disk stays as it is', async () => {
    await using world = await World.of([DISK]);
    const made = await kept(world);
    const image = world.image('disk-0');
    await world.takeOut(world.device());
    await blank(image, DISK);
    await run('mkfs.ext4', ['-q', '-F', image]);
    const before = await bytesOf(image);
    await world.putIn(world.device(), image);
    await world.lookAgain();
    const health = await untilHealth(world, made, 'DiskWiped');
    expect(health).toMatchObject({ status: 'DATA_LOSS' });
    expect(health.message).toMatch(/has lost its mark \(has a signature: .*ext4/);
    await world.player.delete(made.id);
    expect(await hasRecord(world, made)).toBe(false);
    await world.takeOut(world.device());
    expect(await bytesOf(image)).toBe(before);
  });
});

describe('Another disk in its place', () => {
  it('is told apart as DiskReplaced, and a volume deleted meanwhile is quarantined when the old disk returns', async () => {
    await using world = await World.of([DISK], { sanitize: 'zero' });
    const { availableBytes } = await world.player.capacity();
    const made = await kept(world);
    const device = world.device();
    const other = await world.lab.image('other.img', DISK);
    await world.takeOut(device);
    await world.putIn(device, other);
    await world.lookAgain();
    expect(await untilHealth(world, made, 'DiskReplaced')).toMatchObject({ status: 'DATA_LOSS' });
    const refused = await refusal(world.player.stage(made));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(
      /disk loop:.*disk-0\.img is gone; where it was is now loop:.*other\.img, another disk/,
    );
    await world.player.delete(made.id);
    expect(await listed(world)).toEqual([]);
    await world.takeOut(device);
    await world.putIn(device, world.image('disk-0'));
    await world.lookAgain();
    // The other disk, which was taken, gives as much capacity: that alone does not tell that the old one is back.
    await eventually(async () => !(await hasRecord(world, made)));
    await untilAvailable(world, availableBytes);
    expect((await tableOf(device)).map(({ uuid }) => uuid)).not.toContain(made.id);
  });
});

describe('A disk that is away', () => {
  it('makes its volume INACCESSIBLE; back again, the volume is served with its data whole', async () => {
    await using world = await World.of([DISK]);
    const made = await kept(world);
    await world.takeOut(world.device());
    await world.lookAgain();
    expect(await untilHealth(world, made, 'DiskAway')).toMatchObject({ status: 'INACCESSIBLE' });
    const refused = await refusal(world.player.stage(made));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(/is not here; its data are served again when the disk is back/);
    expect(await listed(world)).toEqual([made.id]);
    await world.putIn(world.device(), world.image('disk-0'));
    await world.lookAgain();
    await eventually(async () => (await healthOf(world, made)) === undefined);
    expect(await readBack(world, made)).toBe('the only copy\n');
  });

  it('is known by its mark in another slot', async () => {
    await using world = await World.of([DISK]);
    const made = await kept(world);
    await world.restart(async () => {
      await world.takeOut(world.device());
      await attachAside(world.image('disk-0'));
    });
    expect(await readBack(world, made)).toBe('the only copy\n');
  });

  it('and whose volume was deleted meanwhile: its slice is sanitized when it is back', async () => {
    await using world = await World.of([DISK], { sanitize: 'zero' });
    const { availableBytes } = await world.player.capacity();
    const made = await kept(world);
    await world.takeOut(world.device());
    await world.lookAgain();
    await untilHealth(world, made, 'DiskAway');
    await world.player.delete(made.id);
    await world.player.delete(made.id);
    expect(await listed(world)).toEqual([]);
    expect(JSON.parse(await readFile(world.recordFile(made.id), 'utf8'))).toMatchObject({ state: 'deleted' });
    await world.putIn(world.device(), world.image('disk-0'));
    await world.restart();
    await untilAvailable(world, availableBytes);
    expect(await tableOf(world.device())).toHaveLength(1);
    expect(await hasRecord(world, made)).toBe(false);
  });

  it('and whose volume was deleted meanwhile: a CreateVolume of that name does not bring it back', async () => {
    await using world = await World.of([DISK]);
    const made = await kept(world);
    const { name } = await entryOf(world.device(), made.id);
    const partition = await partitionOf(world.device(), made.id);
    const elsewhere = world.lab.path('elsewhere');
    await world.takeOut(world.device());
    await world.lookAgain();
    await untilHealth(world, made, 'DiskAway');
    await world.player.delete(made.id);
    await world.restart(async () => {
      await world.putIn(world.device(), world.image('disk-0'));
      // As long as somebody uses it, the slice cannot go.
      await run('partx', ['--add', world.device()]);
      await mkdir(elsewhere);
      await run('mount', [partition, elsewhere]);
    });
    const refused = await refusal(world.player.create(EXT4));
    expect(refused.code).toBe('ABORTED');
    expect(refused.message).toMatch(
      /was deleted while its disk was away and is about to go; repeat the call/,
    );
    expect(await listed(world)).toEqual([made.id]);
    await run('umount', [elsewhere]);
    await world.lookAgain();
    const anew = await eventually(() => world.player.create(EXT4).catch(() => undefined));
    expect(anew.id).toBe(made.id);
    const slice = await entryOf(world.device(), anew.id);
    expect(slice.name).not.toBe(name);
    expect(slice.attributes).toBe('');
  });

  it('is asked for by the volume context when the records are lost too', async () => {
    await using world = await World.of([DISK]);
    const made = await kept(world);
    await world.restart(async () => {
      await world.takeOut(world.device());
      await run('rm', ['-rf', world.stateFile()]);
    });
    const refused = await refusal(world.player.stage(made));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toContain(made.context.mark);
  });
});

describe('A slice that a foreign hand removed from the table', () => {
  it('is SliceLost after a restart, and deleting its volume forgets it', async () => {
    await using world = await World.of([DISK]);
    const made = await kept(world);
    const { number } = await entryOf(world.device(), made.id);
    await world.restart(() =>
      run('sfdisk', [
        '--quiet',
        '--no-reread',
        '--no-tell-kernel',
        '--delete',
        world.device(),
        String(number),
      ]),
    );
    expect(await healthOf(world, made)).toMatchObject({ status: 'DATA_LOSS', reason: 'SliceLost' });
    const refused = await refusal(world.player.stage(made));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(/is here with its mark, the volume's slice is gone from it/);
    expect(await tableOf(world.device())).toHaveLength(1);
    await world.player.delete(made.id);
    expect(await hasRecord(world, made)).toBe(false);
    expect(await listed(world)).toEqual([]);
  });
});

describe('A slice on another disk than its record says', () => {
  it('is refused, by stage, by create and by delete, and neither slice nor record is written', async () => {
    await using world = await World.of([DISK]);
    const made = await kept(world);
    const partition = await partitionOf(world.device(), made.id);
    const record = world.recordFile(made.id);
    const text = (await readFile(record, 'utf8')).replaceAll(made.context.mark ?? '', OTHER_MARK);
    await world.restart(() => writeFile(record, text));
    const before = await bytesOf(partition);
    const { player } = world;
    for (const ask of [() => player.stage(made), () => player.create(EXT4), () => player.delete(made.id)]) {
      const { code, message } = await refusal(ask());
      expect(code).toBe('UNAVAILABLE');
      expect(message).toMatch(
        `The record of ${made.id} is of mark ${OTHER_MARK}, its slice of mark ${made.context.mark}`,
      );
    }
    expect(await healthOf(world, made)).toMatchObject({ status: 'INACCESSIBLE', reason: 'HandleDoubled' });
    expect(await bytesOf(partition)).toBe(before);
    await entryOf(world.device(), made.id);
    expect(await readFile(record, 'utf8')).toBe(text);
  });
});

describe('Two slices with one handle', () => {
  it('are both refused, by stage and by delete, and neither is written', async () => {
    await using world = await World.of([DISK, DISK]);
    const made = await kept(world);
    const at = (await tableOf(world.device())).some(({ uuid }) => uuid === made.id) ? 0 : 1;
    const [original, double] = [world.device(at), world.device(1 - at)];
    const entry = `start=8MiB, size=32MiB, type=${VOLUME_TYPE}, uuid=${made.id}, name="fast:1"`;
    await world.restart(() =>
      run('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', '--append', double], {
        input: `${entry}\n`,
      }),
    );
    const partitions = [await partitionOf(original, made.id), await partitionOf(double, made.id)];
    const before = await Promise.all(partitions.map(bytesOf));
    const refused = await refusal(world.player.stage(made));
    expect(refused.code).toBe('UNAVAILABLE');
    expect(refused.message).toMatch(
      /Two slices bear the handle .*: partition \d+ of .* and partition \d+ of .*; nothing of it is served/,
    );
    expect(refused.message).toContain(original);
    expect(refused.message).toContain(double);
    expect(await healthOf(world, made)).toMatchObject({ status: 'INACCESSIBLE', reason: 'HandleDoubled' });
    expect((await refusal(world.player.delete(made.id))).message).toMatch(/nothing of it is served/);
    expect(await listed(world)).toEqual([made.id]);
    expect(await Promise.all(partitions.map(bytesOf))).toEqual(before);
    await entryOf(original, made.id);
    await entryOf(double, made.id);
  });
});
