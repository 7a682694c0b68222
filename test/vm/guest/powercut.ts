import { execFile } from 'node:child_process';
import { open, readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { status } from '@grpc/grpc-js';
import { ask } from '../../../src/csi/administration.ts';
import { MARK_PLACE_BYTES, markPlaces } from '../../../src/model/release.ts';
import type { Made, Wanted } from '../../player/player.ts';
import { type Random, randomFrom } from '../../shipped/concurrency/random.ts';
import * as node from './node.ts';
import {
  append,
  type Doing,
  type Entry,
  lastAnswered,
  readJournal,
  type Stand,
  standOf,
  underWay,
} from './powercut/journal.ts';
import { expectChunk, expectOwnOrZeros, writeChunk } from './powercut/tenant.ts';

/**
 * Lives on the driver until the power fails, and the judgement after it: what was answered holds. The journal is on the
 * share, which the host keeps whatever becomes of this machine.
 */

const JOURNAL = '/share/journal';
const STATE = '/var/lib/instance-store-csi';
const MIB = 1024n ** 2n;
const RETRY_MS = 200;

/** One after the other in each slot, side by side with the others. */
const SLOTS: readonly (Pick<Wanted, 'access' | 'sizeBytes'> & {
  readonly slot: string;
  readonly pool: string;
})[] = [
  { slot: 'xfs', access: 'xfs', pool: 'zeroed', sizeBytes: 300n * MIB },
  { slot: 'ext4', access: 'ext4', pool: 'zeroed', sizeBytes: 64n * MIB },
  { slot: 'block', access: 'block', pool: 'zeroed', sizeBytes: 8n * MIB },
  // Nothing wipes what was here, so whoever comes next would read it.
  { slot: 'bare', access: 'block', pool: 'bare', sizeBytes: 8n * MIB },
];
const POOLS = ['zeroed', 'bare'];
const SPARE = 'spare';

/** What a driver that was cut short may say is a step; these are not. */
const TROUBLES = [
  'data-loss',
  'contradiction',
  'record-set-aside',
  'cordons-unread',
  'step-failed',
  'sanitize-failed',
  'disk-gone',
];

type Answer = { readonly made?: Made; readonly sizeBytes?: bigint };

async function journalled<A extends Answer>(doing: Doing, act: () => Promise<A>): Promise<A> {
  append(JOURNAL, { is: 'begun', doing });
  const answer = await act();
  append(JOURNAL, { is: 'answered', doing, ...answer });
  return answer;
}

type Step = 'stage' | 'publish' | 'unpublish' | 'unstage' | 'delete';

async function call(slot: string, what: Step, act: () => Promise<unknown>): Promise<void> {
  await journalled({ slot, what }, async () => {
    await act();
    return {};
  });
}

async function createIn(slot: string, wanted: Wanted): Promise<Made> {
  const doing = { slot, what: 'create', wanted } as const;
  return (await journalled(doing, async () => ({ made: await created(wanted) }))).made;
}

/** What was deleted last may still be in quarantine, so that there is no room yet. */
async function created(wanted: Wanted): Promise<Made> {
  for (;;) {
    const made = await unlessExhausted(() => node.create(wanted));
    if (made !== undefined) return made;
    await sleep(RETRY_MS);
  }
}

async function unlessExhausted<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === status.RESOURCE_EXHAUSTED) return undefined;
    throw error;
  }
}

async function order(verb: 'release' | 'uncordon', disk: string): Promise<void> {
  await journalled({ slot: SPARE, what: verb }, async () => {
    await ask(STATE, { verb, disk });
    return {};
  });
}

async function write(slot: string, made: Made, chunk: number): Promise<void> {
  await journalled({ slot, what: 'write', chunk }, async () => {
    await writeChunk(made, node.targetPath(made), chunk);
    return {};
  });
}

export type Judged = { readonly volumes: number; readonly chunks: number; readonly deletions: number };

/**
 * Starts the driver and judges all that the journal tells of.
 * @param spare the disk that is given back and taken again
 * @param emptied deletes what is there, and wants everything back
 */
export async function begin(config: object, spare: string, emptied: boolean): Promise<Judged> {
  const journal = readJournal(JOURNAL);
  await node.start(config);
  append(JOURNAL, { is: 'boot' });
  await expectSpare(journal, spare);
  for (const pool of [...POOLS, SPARE]) await rememberEmpty(journal, pool);
  const ids = await node.list();
  const judged = { volumes: 0, chunks: 0, deletions: 0 };
  for (const { slot } of SLOTS) {
    const stand = standOf(journal, slot);
    if (stand === undefined) continue;
    if (stand.deleting === 'no') {
      const made = await judge(slot, stand);
      judged.volumes += 1;
      judged.chunks += [...stand.chunks.values()].filter(Boolean).length;
      if (emptied) await takeDown(slot, made);
    } else if (stand.made !== undefined) {
      judged.deletions += 1;
      if (stand.deleting === 'answered' && ids.includes(stand.made.id))
        throw new Error(`${slot}: volume ${stand.made.id} is there, and DeleteVolume was answered`);
      await call(slot, 'delete', () => node.remove(stand.made as Made));
    }
  }
  if (emptied) await expectEmpty();
  await expectNoTrouble();
  return judged;
}

async function rememberEmpty(journal: readonly Entry[], pool: string): Promise<void> {
  if (journal.some((entry) => entry.is === 'empty' && entry.pool === pool)) return;
  const { availableBytes: bytes } = await node.capacity({ pool });
  if (bytes === 0n) throw new Error(`pool ${pool} has no capacity on a disk that is new`);
  append(JOURNAL, { is: 'empty', pool, bytes });
}

function emptyBytes(pool: string): bigint {
  const told = readJournal(JOURNAL).find((entry) => entry.is === 'empty' && entry.pool === pool);
  if (told?.is !== 'empty') throw new Error(`the journal does not tell what pool ${pool} has`);
  return told.bytes;
}

/** A volume that was created or was about to be: the same again, with all that was answered. It is published then. */
async function judge(slot: string, { wanted, made, sizeBytes, chunks }: Stand): Promise<Made> {
  const again = await createIn(slot, wanted);
  if (made !== undefined && again.id !== made.id)
    throw new Error(`${slot}: CreateVolume answered ${made.id}, and now ${again.id}`);
  if (again.sizeBytes < sizeBytes)
    throw new Error(
      `${slot}: volume ${again.id} has ${again.sizeBytes} bytes, and ${sizeBytes} were answered`,
    );
  await call(slot, 'stage', () => node.stage(again));
  await call(slot, 'publish', () => node.publish(again));
  const path = node.targetPath(again);
  for (const [chunk, isAnswered] of chunks) if (isAnswered) await expectChunk(again, path, chunk);
  if (wanted.access === 'block' && (await expectOwnOrZeros(again, path)) < sizeBytes)
    throw new Error(
      `${slot}: the device of ${again.id} has fewer than the ${sizeBytes} bytes that were answered`,
    );
  return again;
}

async function takeDown(slot: string, made: Made): Promise<void> {
  await call(slot, 'unpublish', () => node.unpublish(made));
  await call(slot, 'unstage', () => node.unstage(made));
  await call(slot, 'delete', () => node.remove(made));
}

async function expectEmpty(): Promise<void> {
  const ids = await node.list();
  if (ids.length > 0) throw new Error(`found the volumes ${ids.join(', ')}, want none`);
  for (const pool of POOLS) {
    await node.untilAvailable(emptyBytes(pool), { pool });
    const { availableBytes } = await node.capacity({ pool });
    if (availableBytes !== emptyBytes(pool))
      throw new Error(`pool ${pool} has ${availableBytes} bytes, had ${emptyBytes(pool)} when it was new`);
  }
  const records = await readdir(`${STATE}/volumes`);
  if (records.length > 0) throw new Error(`found the records ${records.join(', ')}, want none`);
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => line.includes('/kubernetes.io'));
  if (mounts.length > 0) throw new Error(`found mounts, want none:\n${mounts.join('\n')}`);
}

async function expectNoTrouble(): Promise<void> {
  const told = (await node.notices()).filter(({ msg }) => TROUBLES.includes(msg));
  if (told.length > 0)
    throw new Error(`the driver told of trouble:\n${told.map((one) => JSON.stringify(one)).join('\n')}`);
}

/** A disk that was given back bears nothing of ours; one that was opened again is ours, as it was. Leaves it open. */
async function expectSpare(journal: readonly Entry[], disk: string): Promise<void> {
  const { availableBytes } = await node.capacity({ pool: SPARE });
  const isSure = underWay(journal, SPARE) === undefined;
  const last = lastAnswered(journal, SPARE);
  if (isSure && last === 'release') {
    if (availableBytes !== 0n) throw new Error(`${disk} was given back, and is capacity`);
    await expectNoMark(disk);
  }
  if (isSure && last === 'uncordon' && availableBytes !== emptyBytes(SPARE))
    throw new Error(`${disk} was taken again, and has ${availableBytes} bytes`);
  if (last === undefined && isSure) return;
  await order('uncordon', disk);
  if ((await node.capacity({ pool: SPARE })).availableBytes !== emptyBytes(SPARE))
    throw new Error(`${disk} is not cordoned, and is not as it was when it was new`);
}

async function expectNoMark(disk: string): Promise<void> {
  const sizeBytes = BigInt((await promisify(execFile)('blockdev', ['--getsize64', disk])).stdout);
  await using file = await open(disk, 'r');
  for (const { what, offsetBytes } of markPlaces(sizeBytes)) {
    const { buffer } = await file.read(
      Buffer.alloc(MARK_PLACE_BYTES),
      0,
      MARK_PLACE_BYTES,
      Number(offsetBytes),
    );
    if (buffer.some((byte) => byte !== 0))
      throw new Error(`${disk} was given back, and its ${what} is not zero`);
  }
}

/** Never resolves: the power fails before. @throws what goes wrong */
export async function play(spare: string, seed: number): Promise<never> {
  const lives = SLOTS.map((slot, at) => liveOn(slot, randomFrom(seed + at)));
  await Promise.all([...lives, giveAndTake(spare, randomFrom(seed + lives.length))]);
  throw new Error('a life has ended by itself');
}

async function giveAndTake(disk: string, random: Random): Promise<never> {
  for (;;) {
    await order('release', disk);
    await sleep(random.int(0, 500));
    await order('uncordon', disk);
    await sleep(random.int(0, 2_000));
  }
}

type SlotOf = (typeof SLOTS)[number];

/** What a boot found alive goes on, then others come. */
async function liveOn(place: SlotOf, random: Random): Promise<never> {
  const { slot, pool, access, sizeBytes } = place;
  for (;;) {
    const stand = standOf(readJournal(JOURNAL), slot);
    const isAlive = stand?.made !== undefined && stand.deleting === 'no';
    const wanted = {
      name: `pvc-${slot}-${Date.now()}-${random.int(0, 2 ** 31)}`,
      access,
      sizeBytes,
      parameters: { pool },
    };
    const made = isAlive ? stand.made : await bringUp(slot, wanted);
    const first = isAlive ? stand.chunks.size : 0;
    const last = first + random.int(0, 2);
    for (let chunk = first; chunk <= last; chunk += 1) {
      await write(slot, made, chunk);
      if (random.chance(0.5)) await grow(slot, made);
    }
    if (random.chance(0.3)) await restage(slot, made);
    await takeDown(slot, made);
  }
}

async function bringUp(slot: string, wanted: Wanted): Promise<Made> {
  const made = await createIn(slot, wanted);
  await call(slot, 'stage', () => node.stage(made));
  await call(slot, 'publish', () => node.publish(made));
  if (wanted.access === 'block') await expectOwnOrZeros(made, node.targetPath(made));
  return made;
}

async function restage(slot: string, made: Made): Promise<void> {
  await call(slot, 'unpublish', () => node.unpublish(made));
  await call(slot, 'unstage', () => node.unstage(made));
  await call(slot, 'stage', () => node.stage(made));
  await call(slot, 'publish', () => node.publish(made));
}

async function grow(slot: string, made: Made): Promise<void> {
  const now = standOf(readJournal(JOURNAL), slot)?.sizeBytes ?? made.sizeBytes;
  await journalled({ slot, what: 'expand' }, async () => ({
    // A neighbour may stand behind it.
    sizeBytes: (await unlessExhausted(() => node.expand(made, now + 8n * MIB))) ?? now,
  }));
  if (made.wanted.access === 'block') await expectOwnOrZeros(made, node.targetPath(made));
}
