import { mkdir, readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import { run } from '../host/lab/tool.ts';
import { commonOptions } from '../player/driver.ts';
import { runCli } from './driver/node.ts';
import { entryOf, partitionOf, QUARANTINE_TYPE, rangeHolds, tableOf, untilAvailable } from './volume/seen.ts';
import { eventually, fill, GIB, MIB, World } from './volume/world.ts';

const BYTE = 0x5a;

type LogLine = { readonly msg: string; readonly [field: string]: unknown };

async function logged(world: World, msg: string): Promise<readonly LogLine[]> {
  const lines = (await readFile(world.driver.logFile, 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as LogLine).filter((line) => line.msg === msg);
}

describe('A deleted volume', () => {
  const METHODS = ['zero', 'shred', 'none', 'discard'] as const;
  let world: World;
  let disks: readonly string[];
  beforeAll(async () => {
    world = await World.empty();
    disks = await Promise.all(METHODS.map((method) => world.disk(method, 300n * MIB)));
    await world.start(
      METHODS.map((method, at) => ({
        name: method,
        disks: [disks[at] ?? ''],
        sanitize: method,
        ...(method === 'shred' ? { shredPasses: 2 } : {}),
      })),
    );
  });
  afterAll(() => world[Symbol.asyncDispose]());

  /** A raw block volume full of one tenant's bytes, deleted and sanitized. @returns its range */
  async function lived(method: (typeof METHODS)[number]) {
    const parameters = { pool: method };
    const { availableBytes } = await world.player.capacity(parameters);
    const made = await world.player.create({
      name: `pvc-${method}`,
      sizeBytes: 32n * MIB,
      access: 'block',
      parameters,
    });
    await world.player.stage(made);
    const target = await world.player.publish(made);
    await fill(target, 0n, made.sizeBytes, BYTE);
    await world.player.unpublish(made);
    await world.player.unstage(made);
    const device = disks[METHODS.indexOf(method)] ?? '';
    const { startBytes, sizeBytes } = await entryOf(device, made.id);
    await world.player.delete(made.id);
    await eventually(async () => (await world.player.capacity(parameters)).availableBytes >= availableBytes);
    return { device, startBytes, sizeBytes };
  }

  it('of a pool that says zero: reads as zeros', async () => {
    const { device, startBytes, sizeBytes } = await lived('zero');
    expect(await rangeHolds(device, startBytes, sizeBytes)).toEqual([0]);
  });

  it('of a pool that says shred with 2 passes: was written twice, then zeroed, and tells its progress', async () => {
    const { device, startBytes, sizeBytes } = await lived('shred');
    expect(await rangeHolds(device, startBytes, sizeBytes)).toEqual([0]);
    const progress = (await logged(world, 'sanitizing')).filter(
      ({ ofBytes }) => ofBytes === String(3n * sizeBytes),
    );
    expect(progress.map(({ doneBytes }) => BigInt(String(doneBytes)) / sizeBytes)).toEqual([0n, 1n, 2n, 3n]);
    const passes = (await logged(world, 'host command')).filter(
      ({ args }) => Array.isArray(args) && args.includes('if=/dev/urandom'),
    );
    expect(passes).toHaveLength(2);
  });

  it('of a pool that says none: is left as it was, and its space is free', async () => {
    const { device, startBytes, sizeBytes } = await lived('none');
    expect(await rangeHolds(device, startBytes, sizeBytes)).toEqual([BYTE]);
  });

  it('of a pool that says discard: gives its blocks back to what is below', async () => {
    const { startBytes } = await lived('discard');
    expect(startBytes).toBeGreaterThan(0n);
    const { blocks } = await stat(world.image('discard'), { bigint: true });
    expect(blocks * 512n).toBeLessThan(32n * MIB);
  });
});

describe('A deleted volume of a pool with sanitizeBytesPerSecond', () => {
  it('is sanitized a second of it at a time, and takes at least as long as that', async () => {
    await using world = await World.empty();
    const device = await world.disk('paced', 300n * MIB);
    await world.start([{ disks: [device], sanitize: 'zero', sanitizeBytesPerSecond: '24Mi' }]);
    const { availableBytes } = await world.player.capacity();
    const { id } = await world.player.create({ name: 'pvc', sizeBytes: 64n * MIB, access: 'block' });
    await world.player.delete(id);
    await untilAvailable(world, availableBytes);
    const done = (await logged(world, 'sanitizing')).map(({ doneBytes }) => BigInt(String(doneBytes)) / MIB);
    expect(done).toEqual([0n, 24n, 48n, 64n]);
    const [sanitized] = await logged(world, 'sanitized');
    expect(Number(sanitized?.durationMs)).toBeGreaterThanOrEqual((64 / 24) * 1000);
  });

  it('waits no second longer when the driver is told to stop', async () => {
    await using world = await World.empty();
    const device = await world.disk('paced', 300n * MIB);
    await world.start([{ disks: [device], sanitize: 'zero', sanitizeBytesPerSecond: '1Mi' }]);
    const { id } = await world.player.create({ name: 'pvc', sizeBytes: 256n * MIB, access: 'block' });
    await world.player.delete(id);
    await eventually(async () => (await logged(world, 'sanitizing')).length > 1);
    await world.driver.stop();
    expect((await logged(world, 'sanitizing')).length).toBeLessThan(256);
    expect(await logged(world, 'sanitize-failed')).toEqual([]);
  });
});

describe('A deleted volume on a disk that takes no discards', () => {
  it('of a pool that says discard: reads as zeros, and its space is free', async () => {
    await using world = await World.empty();
    const device = await diskWithoutDiscards(world);
    await world.start([{ disks: [device], sanitize: 'discard' }]);
    const { availableBytes } = await world.player.capacity();
    const { id } = await world.player.create({ name: 'pvc', sizeBytes: 32n * MIB, access: 'ext4' });
    const { startBytes, sizeBytes } = await entryOf(device, id);
    await fill(device, startBytes, sizeBytes, BYTE);
    await world.player.delete(id);
    await untilAvailable(world, availableBytes);
    expect(await rangeHolds(device, startBytes, sizeBytes)).toEqual([0]);
  });
});

/** A file of ramfs cannot give blocks back, so the kernel offers no discards of a loop device on it. */
async function diskWithoutDiscards(world: World): Promise<string> {
  const folder = world.lab.path('ram');
  await mkdir(folder);
  await run('mount', ['-t', 'ramfs', 'none', folder]);
  const device = await world.disk('ram/disk', 100n * MIB);
  expect(await readFile(`/sys/block/${basename(device)}/queue/discard_max_bytes`, 'utf8')).toBe('0\n');
  return device;
}

describe('status', () => {
  it('tells what is done to a slice in quarantine, and how far it is', async () => {
    await using world = await World.of([6n * GIB], { sanitize: 'zero', sanitizeBytesPerSecond: '1Mi' });
    const { id } = await world.player.create({ name: 'pvc-large', sizeBytes: 5n * GIB, access: 'ext4' });
    const partition = await partitionOf(world.device(), id);
    await world.player.delete(id);
    await eventually(async () => (await logged(world, 'sanitizing')).length > 0);
    await world.driver.kill();
    const status = async () =>
      (await runCli(['status', ...commonOptions({ folder: world.lab.path('driver') })])).stdout;
    const row = new RegExp(`^ {2}[0-9a-f-]{36} {2}5 GiB {2}partition 2 of ${world.device()}(.*)$`, 'm');
    expect(row.exec(await status())?.[1]).toBe('');
    // Started as a pass of shred is, but that its random bytes never come.
    const args = [`of=${partition}`, 'oflag=seek_bytes', `seek=${3n * GIB}`, 'conv=notrunc', 'status=none'];
    const pass = execa('dd', args);
    expect(row.exec(await status())?.[1]).toBe('  writing, 3 GiB done');
    pass.stdin.end();
    await pass;
  });
});

describe('Sanitizing killed in the middle', () => {
  it('goes on after the restart; the range is capacity only when it is clean', async () => {
    await using world = await World.of([3n * GIB], { sanitize: 'zero', sanitizeBytesPerSecond: '256Mi' });
    const full = (await world.player.capacity()).availableBytes;
    const made = await world.player.create({ name: 'pvc-large', sizeBytes: 2n * GIB, access: 'ext4' });
    const { startBytes, sizeBytes } = await entryOf(world.device(), made.id);
    const secretAt = startBytes + sizeBytes - MIB;
    await fill(world.image('disk-0'), secretAt, MIB, BYTE);
    await world.player.delete(made.id);
    expect((await world.player.capacity()).availableBytes).toBe(full - sizeBytes);
    await eventually(async () =>
      (await logged(world, 'sanitizing')).some(({ doneBytes }) => BigInt(String(doneBytes)) >= 512n * MIB),
    );
    await world.restart(async () => {
      const [, slice] = await tableOf(world.device());
      expect(slice).toMatchObject({ type: QUARANTINE_TYPE, startBytes, sizeBytes });
      expect(slice?.uuid).not.toBe(made.id);
      expect(await rangeHolds(world.image('disk-0'), secretAt, MIB)).toEqual([BYTE]);
    });
    await eventually(async () => {
      const { availableBytes } = await world.player.capacity();
      if (availableBytes < full) return false;
      expect(await tableOf(world.device())).toHaveLength(1);
      return true;
    });
    expect(await rangeHolds(world.image('disk-0'), secretAt, MIB)).toEqual([0]);
  });
});
