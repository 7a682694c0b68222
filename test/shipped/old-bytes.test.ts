import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readTable } from '../demo/facts.ts';
import { run } from '../host/lab/tool.ts';
import type { Made, Wanted } from '../player/player.ts';
import { type PoolLine, TestNode } from './driver/node.ts';
import type { WhyJson } from './driver/seen.ts';
import { type Content, contentOf, fillWithPattern } from './old-bytes/pattern.ts';
import { remaindersSeenBy } from './old-bytes/tenant.ts';

const MIB = 1024n ** 2n;
const SMALL_DISK_BYTES = 160n * MIB;
const TAKEN_TIMEOUT_MS = 60_000;
const NUMBER_TRIES = 10;
/** Of the other disk: half of them are more than others on this machine make at a time. */
const PARTITIONS = 80;

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.create();
});
afterEach(() => node[Symbol.asyncDispose]());

describe.each(['none', 'discard', 'zero'] as const)(
  'After a tenant who filled the disk, sanitize: %s',
  (sanitize) => {
    it('a block volume reads as zeros, and the files of an ext4 show nothing old', async () => {
      const disk = await node.disk('reused', SMALL_DISK_BYTES);
      await startAndTake([{ paths: [disk], sanitize }]);
      await liveAndDie('tenant-1');
      await expectOnDisk(disk, sanitize === 'none' ? 'old bytes' : 'no old bytes');
      await expectNothingOld([
        { name: 'tenant-2', sizeBytes: 64n * MIB, access: 'block' },
        { name: 'tenant-3', sizeBytes: 64n * MIB, access: 'ext4' },
      ]);
    });
  },
);

describe('Space that nobody sanitized', () => {
  it('shows nothing old in the files of an xfs and of a btrfs', async () => {
    const disk = await node.disk('reused', 700n * MIB);
    await startAndTake([{ paths: [disk], sanitize: 'none' }]);
    await liveAndDie('tenant-1');
    await expectOnDisk(disk, 'old bytes');
    await expectNothingOld([
      { name: 'tenant-2', sizeBytes: 300n * MIB, access: 'xfs' },
      { name: 'tenant-3', sizeBytes: 256n * MIB, access: 'btrfs' },
    ]);
  });

  it('reads as zeros where a block volume grew into it, for a reader who never stops reading as well', async () => {
    const disk = await node.disk('reused', SMALL_DISK_BYTES);
    await startAndTake([{ paths: [disk], sanitize: 'none' }]);
    await liveAndDie('tenant-1');
    await expectOnDisk(disk, 'old bytes');
    const made = await bringUp({ name: 'tenant-2', sizeBytes: 32n * MIB, access: 'block' });
    const target = node.player.targetPath(made);
    await write(target, 'mine');
    const seen = await whileReading(target, 32n * MIB, () => node.player.expand(made, 128n * MIB));
    expect(seen.filter(({ allZero }) => !allZero)).toEqual([]);
    expect(await contentOf(target, Number(32n * MIB))).toMatchObject({
      bytes: Number(96n * MIB),
      allZero: true,
    });
    expect(await read(target, 4)).toBe('mine');
  });
});

describe('A dirty disk that the configuration names with its fingerprint', () => {
  it('is taken, and neither a block volume nor an ext4 nor the disk itself shows what was on it', async () => {
    const image = await node.lab.image('dirty.img', SMALL_DISK_BYTES);
    await fillWithPattern(image);
    const disk = await node.lab.attach(image);
    await node.configure([{ paths: [disk] }]);
    const { identity, fingerprint } = await node.json<WhyJson>(['why', disk]);
    if (fingerprint === undefined) throw new Error(`why ${disk} tells no fingerprint`);
    await startAndTake([{ paths: [disk], eraseAndTake: [{ disk: identity, found: fingerprint }] }]);
    await expectOnDisk(disk, 'no old bytes');
    await expectNothingOld([
      { name: 'tenant-1', sizeBytes: 64n * MIB, access: 'block' },
      { name: 'tenant-2', sizeBytes: 64n * MIB, access: 'ext4' },
    ]);
  });
});

describe('A published block target', () => {
  const wanted: Wanted = { name: 'raw', sizeBytes: 8n * MIB, access: 'block' };

  it('keeps its volume from being deleted, staged or not, and shows the same bytes after that', async () => {
    const disk = await node.disk('disk', SMALL_DISK_BYTES);
    await startAndTake([{ paths: [disk] }]);
    const made = await bringUp(wanted);
    await fillWithPattern(node.player.targetPath(made));
    await expectRefused(node.player.delete(made.id));
    await node.player.unstage(made);
    await expectRefused(node.player.delete(made.id));
    await node.driver.kill();
    await startAndTake([{ paths: [disk] }]);
    await expectRefused(node.player.delete(made.id));
    expect(await contentOf(node.player.targetPath(made))).toMatchObject({
      bytes: Number(8n * MIB),
      patternAt: 0,
    });
    expect((await node.player.create(wanted)).id).toBe(made.id);
  });

  it('whose device number went to another tenant during a crash is bound anew, and never shows the other', async () => {
    const [disk, other] = [
      await node.disk('disk', SMALL_DISK_BYTES),
      await node.disk('other', SMALL_DISK_BYTES),
    ];
    await partitionByHand(other);
    await startAndTake([{ paths: [disk] }]);
    await run('partx', ['--add', '--nr', `1:${PARTITIONS / 2}`, other]);
    const made = await bringUp(wanted);
    await run('partx', ['--delete', other]);
    const target = node.player.targetPath(made);
    await write(target, 'mine');
    await node.driver.kill();
    await giveNumberAway(disk, made, other, target);
    expect(await read(target, 16)).toBe('OLD TENANT BYTES');
    await startAndTake([{ paths: [disk] }]);
    await expectRefused(node.player.publish(made));
    await node.player.stage(made);
    await node.player.publish(made);
    expect(await read(target, 4)).toBe('mine');
    expect(await contentOf(target)).toMatchObject({ bytes: Number(8n * MIB), patternAt: undefined });
  });
});

/** Ready means that the disks were looked at; one that somebody had open at that moment is taken by the next look. */
async function startAndTake(pools: readonly PoolLine[]): Promise<void> {
  await node.start(pools);
  const until = Date.now() + TAKEN_TIMEOUT_MS;
  while ((await node.player.capacity()).maximumBytes === 0n) {
    if (Date.now() > until) throw new Error(`no disk was taken; see ${node.driver.logFile}`);
    await sleep(100);
  }
}

async function bringUp(wanted: Wanted): Promise<Made> {
  const made = await node.player.create(wanted);
  await node.player.stage(made);
  await node.player.publish(made);
  return made;
}

/** A tenant who has all there is, writes all over it, and goes. */
async function liveAndDie(name: string): Promise<void> {
  const { availableBytes, maximumBytes } = await node.player.capacity();
  const made = await bringUp({ name, sizeBytes: maximumBytes, access: 'block' });
  await fillWithPattern(node.player.targetPath(made));
  await node.player.unpublish(made);
  await node.player.unstage(made);
  await node.player.delete(made.id);
  const until = Date.now() + TAKEN_TIMEOUT_MS;
  while ((await node.player.capacity()).availableBytes < availableBytes) {
    if (Date.now() > until) throw new Error('the space did not come back');
    await sleep(50);
  }
}

/** So that the test would notice: what is looked for by tenants is, or is not, on the bare disk. */
async function expectOnDisk(disk: string, what: 'old bytes' | 'no old bytes'): Promise<void> {
  // Caches of a disk and of its partitions know nothing of each other.
  await run('blockdev', ['--flushbufs', disk]);
  const { patternAt } = await contentOf(disk);
  expect(patternAt === undefined ? 'no old bytes' : 'old bytes').toBe(what);
}

async function expectNothingOld(tenants: readonly Wanted[]): Promise<void> {
  for (const wanted of tenants) {
    const made = await bringUp(wanted);
    const target = node.player.targetPath(made);
    if (wanted.access === 'block') {
      expect(await contentOf(target)).toEqual({
        bytes: Number(made.sizeBytes),
        patternAt: undefined,
        allZero: true,
      });
    } else {
      expect(await remaindersSeenBy(target)).toEqual([]);
    }
  }
}

/** Everything that a reader saw behind `from` while something was done. */
async function whileReading(
  target: string,
  from: bigint,
  act: () => Promise<unknown>,
): Promise<readonly Content[]> {
  let done = false;
  const acting = act().finally(() => {
    done = true;
  });
  const seen: Content[] = [];
  while (!done) {
    seen.push(await contentOf(target, Number(from)));
    await sleep(2);
  }
  await acting;
  return seen;
}

async function expectRefused(call: Promise<unknown>): Promise<void> {
  await expect(call).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
}

async function write(path: string, text: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(text, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function read(path: string, lengthBytes: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    return (await file.read(Buffer.alloc(lengthBytes), 0, lengthBytes, 0)).buffer.toString('utf8');
  } finally {
    await file.close();
  }
}

/** A foreign disk full of the pattern, with partitions that the kernel is not told of yet. */
async function partitionByHand(disk: string): Promise<void> {
  await fillWithPattern(disk);
  const flags = ['--quiet', '--no-reread', '--no-tell-kernel', '--wipe=never'];
  await run('sfdisk', [...flags, disk], { input: `label: gpt\n${'size=1MiB\n'.repeat(PARTITIONS)}` });
}

/**
 * What a reboot or a hot plug can do: the volume's partition goes, and one that comes gets its number. The kernel gives
 * out the lowest that is free, to others on this machine too: so the volume has a high one, and lower ones are free.
 */
async function giveNumberAway(disk: string, made: Made, other: string, target: string): Promise<void> {
  const entry = (await readTable(disk)).partitions.find(({ uuid }) => uuid === made.id);
  if (entry === undefined) throw new Error(`no slice ${made.id} on ${disk}`);
  const wanted = await numberOf(target);
  await run('delpart', [disk, String(entry.number)]);
  for (let tries = 0; tries < NUMBER_TRIES; tries += 1) {
    // A number is free a moment after its partition went.
    await sleep(500);
    for (let number = 1; number <= PARTITIONS; number += 1) {
      await run('partx', ['--add', '--nr', String(number), other]);
      if ((await numberOf(`${other}p${number}`)) === wanted) return;
    }
    await run('partx', ['--delete', other]);
  }
  throw new Error(`the number ${wanted} went to somebody else on this machine`);
}

async function numberOf(path: string): Promise<string> {
  return (await run('stat', ['--format', '%t:%T', path])).trim();
}
