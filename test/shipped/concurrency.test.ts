import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TYPE_VOLUME } from '../../src/model/gpt.ts';
import { DRIVER_NAME } from '../../src/model/pool.ts';
import { sliceLabel } from '../../src/model/slice.ts';
import { handleFor } from '../../src/model/uuid.ts';
import { run } from '../host/lab/tool.ts';
import { type Made, Player, type Wanted } from '../player/player.ts';
import { Hasty } from './concurrency/hasty.ts';
import { type Random, randomFrom, seedOfRun } from './concurrency/random.ts';
import { NO_TRACES, overlapsOn, tracesOf } from './concurrency/traces.ts';
import { TestNode } from './driver/node.ts';
import { readLog } from './driver/seen.ts';

const MIB = 1024n ** 2n;
const VOLUMES = 200;
const CALLERS = 16;
const DISKS = 4;
const DISK_BYTES = 512n * MIB;
/** Both tables and the mark, rounded to whole MiB. */
const OWN_BYTES = 4n * MIB;
/** p1 is the mark's, and the kernel makes nodes up to p255. */
const SLICES_MAX = 254;
/** Left for the callers who race for them. */
const PLACES = 12;
const SETTLE_TIMEOUT_MS = 60_000;

describe('200 volumes on 4 disks, by 16 callers who repeat and cancel at random', () => {
  const seed = seedOfRun();
  const random = randomFrom(seed);
  const hasty = new Hasty(random);
  let node: TestNode;
  let disks: readonly string[];
  let free: bigint;
  let player: Player;
  const up = new Map<number, Made>();

  beforeAll(async () => {
    process.stderr.write(`seed: TEST_SEED=${seed}\n`);
    node = await TestNode.create();
    disks = await attachAll(node, DISKS, DISK_BYTES);
    await node.start([{ paths: disks }]);
    player = new Player(() => hasty.client(node.driver.client), node.lab.path('kubelet'));
    free = await untilTaken(node.player, 'fast', (DISK_BYTES - OWN_BYTES) * BigInt(DISKS));
  });
  afterAll(() => node[Symbol.asyncDispose]());

  it('come up, each with its own bytes, while every third is deleted again', async () => {
    await byCallers(CALLERS, VOLUMES, async (at) => {
      const made = await bringUp(hasty, player, wantedBy(random, at));
      await writeSign(player, made);
      if (random.chance(1 / 3)) await takeDown(hasty, player, made);
      else up.set(at, made);
    });
    expect(up.size).toBeGreaterThan(VOLUMES / 2);
    expect((await Promise.all(disks.map(overlapsOn))).flat()).toEqual([]);
  });

  it('go down, and nothing leaks: no entry, no record, no partition, no mount, no capacity', async () => {
    const remaining = [...up.values()];
    await byCallers(CALLERS, remaining.length, (at) => takeDown(hasty, player, remaining[at] as Made));
    await untilFree(node.player, free);
    expect(await tracesOf(disks, node.lab.path('kubelet'), join(node.folder, 'state'))).toEqual(NO_TRACES);
    expect(await node.player.capacity()).toMatchObject({ availableBytes: free });
  });

  it('were called in a hurry, and the driver has no error to tell of it', async () => {
    const { byCode } = hasty.told();
    process.stderr.write(`answers: ${JSON.stringify(byCode)}\n`);
    expect(Object.keys(byCode).toSorted()).toEqual(['ABORTED', 'CANCELLED', 'DEADLINE_EXCEEDED', 'OK']);
    const errors = (await readLog(node.driver.logFile)).filter(({ level }) => Number(level) >= 50);
    expect(errors).toEqual([]);
  });
});

describe('A device that is full', () => {
  let node: TestNode;
  let many: string;
  beforeAll(async () => {
    node = await TestNode.create();
    many = await node.disk('many', 600n * MIB);
    const little = await node.disk('little', 96n * MIB);
    await startOn(node, many, little);
    await node.driver.stop();
    await fillByHand(node, many, SLICES_MAX - PLACES);
    await startOn(node, many, little);
  });
  afterAll(() => node[Symbol.asyncDispose]());

  it('to its last entry gives each to one of many callers, then has no capacity though bytes are left', async () => {
    const { player } = node;
    const before = (await player.capacity({ pool: 'many' })).availableBytes;
    const { made, refused } = await race(player, 'many', PLACES + CALLERS, MIB);
    expect(made.length).toBe(PLACES);
    expect(new Set(refused)).toEqual(new Set([status.RESOURCE_EXHAUSTED]));
    await expectFull(player, 'many', before, made);
    expect(await overlapsOn(many)).toEqual([]);
  });

  it('to its last MiB gives each to one of many callers, then has no capacity though entries are left', async () => {
    const { player } = node;
    const { availableBytes, maximumBytes } = await player.capacity({ pool: 'little' });
    const sizeBytes = maximumBytes - BigInt(PLACES) * MIB;
    const large = await player.create(blockOf('little', 'large', sizeBytes));
    const { made, refused } = await race(player, 'little', PLACES + CALLERS, MIB);
    expect(made.length).toBe(PLACES);
    expect(new Set(refused)).toEqual(new Set([status.RESOURCE_EXHAUSTED]));
    await expectFull(player, 'little', availableBytes, [large, ...made]);
  });
});

async function startOn(node: TestNode, many: string, little: string): Promise<void> {
  await node.start([
    { name: 'many', paths: [many], sanitize: 'none' },
    { name: 'little', paths: [little], sanitize: 'none' },
  ]);
  for (const pool of ['many', 'little']) await untilTaken(node.player, pool, 1n);
}

/**
 * Volumes as a driver finds them that lost its records: entries alone, prepared as raw blocks. Making hundreds one by
 * one would take longer than all the rest.
 */
async function fillByHand(node: TestNode, disk: string, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, at) => {
    const handle = handleFor(DRIVER_NAME, node.identity.node ?? '', `by-hand-${at}`);
    const label = sliceLabel('many', at + 1);
    return `start=${2 + at}MiB, size=1MiB, type=${TYPE_VOLUME}, uuid=${handle}, name="${label}", attrs="GUID:48,49"`;
  });
  const flags = ['--quiet', '--append', '--no-reread', '--no-tell-kernel', '--wipe=never', '--force'];
  await run('sfdisk', [...flags, disk], { input: `${lines.join('\n')}\n` });
  await run('partx', ['--add', '--nr', `2:${count + 1}`, disk]);
}

async function attachAll(node: TestNode, count: number, sizeBytes: bigint): Promise<readonly string[]> {
  const disks: string[] = [];
  for (let at = 0; at < count; at += 1) disks.push(await node.disk(`disk-${at}`, sizeBytes));
  return disks;
}

/** Ready means that the disks were looked at; one that somebody had open at that moment is taken by the next look. */
async function untilTaken(player: Player, pool: string, leastBytes: bigint): Promise<bigint> {
  const until = Date.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const { availableBytes } = await player.capacity({ pool });
    if (availableBytes >= leastBytes) return availableBytes;
    if (Date.now() > until)
      throw new Error(`${availableBytes} bytes were taken, want ${leastBytes} at least`);
    await sleep(100);
  }
}

/** Half of them raw blocks, half of them the smallest filesystem that there is. */
function wantedBy(random: Random, at: number): Wanted {
  const access = random.chance(0.5) ? 'block' : 'ext4';
  const sizeBytes = BigInt(random.int(access === 'block' ? 1 : 4, 6)) * MIB;
  return { name: `pvc-${at}`, sizeBytes, access };
}

/** So many callers, each taking the next number when it is done with one. */
async function byCallers(callers: number, count: number, act: (at: number) => Promise<void>): Promise<void> {
  const queue = Array.from({ length: count }, (_, at) => at);
  const work = async (): Promise<void> => {
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) await act(at);
  };
  await Promise.all(Array.from({ length: callers }, work));
}

async function bringUp(hasty: Hasty, player: Player, wanted: Wanted): Promise<Made> {
  const made = await hasty.insist(
    () => player.create(wanted),
    ({ id, sizeBytes }) => `${id} of ${sizeBytes}`,
  );
  await hasty.insist(() => player.stage(made));
  await hasty.insist(() => player.publish(made));
  return made;
}

async function takeDown(hasty: Hasty, player: Player, made: Made): Promise<void> {
  expect(await readSign(player, made)).toBe(made.id);
  await hasty.insist(() => player.unpublish(made));
  await hasty.insist(() => player.unstage(made));
  await hasty.insist(() => player.delete(made.id));
}

/** Where the pod would write: the head of the device, or a file. */
async function writeSign(player: Player, made: Made): Promise<void> {
  const target = player.targetPath(made);
  if (made.wanted.access !== 'block') return writeFile(join(target, 'sign'), made.id);
  const device = await open(target, 'r+');
  try {
    await device.write(Buffer.from(made.id), 0, made.id.length, 0);
    await device.sync();
  } finally {
    await device.close();
  }
}

async function readSign(player: Player, made: Made): Promise<string> {
  const target = player.targetPath(made);
  if (made.wanted.access !== 'block') return readFile(join(target, 'sign'), 'utf8');
  const device = await open(target, 'r');
  try {
    const { buffer } = await device.read(Buffer.alloc(made.id.length), 0, made.id.length, 0);
    return buffer.toString('utf8');
  } finally {
    await device.close();
  }
}

function blockOf(pool: string, name: string, sizeBytes: bigint): Wanted {
  return { name: `${pool}-${name}`, sizeBytes, access: 'block', parameters: { pool } };
}

/** So many callers at once for whatever room there is. */
async function race(player: Player, pool: string, callers: number, sizeBytes: bigint) {
  const calls = Array.from({ length: callers }, (_, at) =>
    player.create(blockOf(pool, `race-${at}`, sizeBytes)),
  );
  const ended = await Promise.allSettled(calls);
  return {
    made: ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    refused: ended.flatMap((one) => (one.status === 'rejected' ? [(one.reason as ServiceError).code] : [])),
  };
}

async function expectFull(player: Player, pool: string, free: bigint, made: readonly Made[]): Promise<void> {
  expect(await player.capacity({ pool })).toEqual({ availableBytes: 0n, maximumBytes: 0n });
  await byCallers(4, made.length, (at) => player.delete((made[at] as Made).id));
  await untilFree(player, free, pool);
}

/** Sanitizing goes on after DeleteVolume answered. */
async function untilFree(player: Player, free: bigint, pool = 'fast'): Promise<void> {
  const until = Date.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const { availableBytes } = await player.capacity({ pool });
    if (availableBytes === free) return;
    if (Date.now() > until) throw new Error(`${availableBytes} bytes are free, want ${free}`);
    await sleep(100);
  }
}
