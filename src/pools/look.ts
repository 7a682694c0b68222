import { readCommand } from '../host/dd.ts';
import { probeDisk } from '../host/probe.ts';
import { listDisks, readWriteCount } from '../host/sysfs.ts';
import { readUseFacts, type UseFacts, usageOf } from '../host/usage.ts';
import type { Content, Disk, Usage } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import { type DiskFacts, judge, mayBeRead, poolsFor, type Refusal, type Verdict } from '../model/judge.ts';
import { readMark } from '../model/mark.ts';
import { decodeNote, NOTE_BYTES_MAX, NOTE_OFFSET } from '../model/note.ts';
import type { Pool } from '../model/pool.ts';
import type { PoolsContext } from './context.ts';
import { identifyArray, type SeenArray, seeArrays } from './see-arrays.ts';
import { readSuperblocks, type Superblocks } from './superblocks.ts';
import { expectSameDisk } from './table.ts';

/** A disk, what was found on it, and what we think of it. Looking writes nothing. */
export type Looked = {
  readonly disk: Disk;
  readonly usage: Usage;
  readonly verdict: Verdict;
  /** False when what is on the disk was not looked at, so that nothing can be said of it. */
  readonly isRead: boolean;
  /** The kernel's count of writes and discards when the content was read: unchanged = the content is. */
  readonly writeCount: string | undefined;
};

export type Look = {
  readonly disks: readonly Looked[];
  readonly arrays: readonly SeenArray[];
  readonly superblocks: Superblocks;
  readonly uses: UseFacts;
};

/** Each look holds a quarter of a MiB and starts a process: a node with many disks shall not swell for it. */
const LOOKS_AT_ONCE = 4;

/**
 * Looks at every disk of the machine. What an earlier look found is kept where nothing was written since.
 * @throws DriverError `unknown` when the kernel's tables cannot be read
 */
export async function look(context: PoolsContext, earlier: readonly Looked[] = []): Promise<Look> {
  const [listed, uses] = await Promise.all([listDisks(), readUseFacts()]);
  const [arrays = [], disks = []] = [true, false].map((isArray) =>
    listed.filter(({ transport }) => (transport === 'md') === isArray),
  );
  const looked = await lookAtAll(context, disks, uses, earlier);
  const seen = await seeArrays(context.exec, looked, arrays, knownArrays(arrays, earlier));
  // What an array of ours is, the notes of its members tell.
  const identified = arrays.map((disk) => identifyArray(disk, seen, looked));
  return {
    disks: [...looked, ...(await lookAtAll(context, identified, uses, earlier))],
    arrays: seen,
    superblocks: await readSuperblocks(context.exec, looked),
    uses,
  };
}

function knownArrays(
  arrays: readonly Disk[],
  earlier: readonly Looked[],
): ReadonlyMap<string, string | undefined> {
  const identityOf = (disk: Disk) =>
    earlier.find((one) => isSame({ ...one.disk, identity: disk.identity }, disk))?.disk.identity;
  return new Map(arrays.map((disk) => [disk.name, identityOf(disk)]));
}

async function lookAtAll(
  context: PoolsContext,
  disks: readonly Disk[],
  uses: UseFacts,
  earlier: readonly Looked[],
): Promise<readonly Looked[]> {
  const looked: Looked[] = [];
  for (let at = 0; at < disks.length; at += LOOKS_AT_ONCE) {
    const batch = disks.slice(at, at + LOOKS_AT_ONCE);
    const earlierOf = (disk: Disk) => earlier.find((one) => isSame(one.disk, disk));
    looked.push(
      ...(await Promise.all(batch.map((disk) => lookAt(context, disk, disks, uses, earlierOf(disk))))),
    );
  }
  return looked;
}

export function isSame(a: Disk, b: Disk): boolean {
  return (
    a.name === b.name &&
    a.diskSeq === b.diskSeq &&
    a.identity === b.identity &&
    a.majorMinor === b.majorMinor &&
    a.sizeBytes === b.sizeBytes
  );
}

async function lookAt(
  context: PoolsContext,
  disk: Disk,
  disks: readonly Disk[],
  uses: UseFacts,
  earlier: Looked | undefined,
): Promise<Looked> {
  const usage = usageOf(disk, uses);
  const writeCount = await readWriteCount(disk.name);
  const { pools } = context.configuration;
  if (earlier !== undefined && holdsStill(earlier, { usage, writeCount }, pools))
    return { ...earlier, disk, usage };
  const content = mayBeRead(disk, usage)
    ? await readContent(context, disk, usage)
    : ({ is: 'unread' } as const);
  const cordon = context.cordons.of(disk.identity);
  const facts: DiskFacts = { disk, usage, content, twins: twinsOf(disk, disks), cordon };
  const verdict = judge(facts, pools, context.self);
  return { disk, usage, verdict, isRead: content.is === 'read', writeCount };
}

/** Reasons that end without a trace in the kernel's counters. */
const PASSING: ReadonlySet<Refusal> = new Set<Refusal>(['duplicate identity', 'busy', 'probe failed']);

/**
 * A disk of ours is written by us alone, and one that is being erased is judged anew by whoever erases it, as one that
 * is blank is by whoever takes it. One that no pool wants, or that is in use as before, stays refused whatever is
 * written to it, so it is not read again and again. Any other is as it was while the kernel counted no write.
 */
function holdsStill(
  { disk, usage, verdict, writeCount }: Looked,
  now: Pick<Looked, 'usage' | 'writeCount'>,
  pools: readonly Pool[],
): boolean {
  if (verdict.is === 'owned' || verdict.is === 'member' || verdict.is === 'erasable') return true;
  if (verdict.is === 'refused' && PASSING.has(verdict.first.reason)) return false;
  if (JSON.stringify(usage) !== JSON.stringify(now.usage)) return false;
  if (poolsFor(disk, pools).length === 0 || isUsed(usage)) return true;
  return writeCount !== undefined && writeCount === now.writeCount;
}

export function twinsOf(disk: Disk, disks: readonly Disk[]): readonly string[] {
  if (disk.identity === undefined) return [];
  return disks
    .filter((other) => other.name !== disk.name && other.identity === disk.identity)
    .map(({ path }) => path);
}

/**
 * Two readings: a short one that disturbs nobody, for marks and signatures; and the deep one of law 1, which also asks
 * for the disk exclusively, only for a disk that some pool wants, that is not ours yet and that nobody uses.
 */
async function readContent(context: PoolsContext, disk: Disk, usage: Usage): Promise<Content> {
  const pools = poolsFor(disk, context.configuration.pools);
  if (isReleasing(context, disk))
    return probeDisk(context.exec, disk, { sample: false, fingerprint: false, claim: false });
  if (pools.length === 0 && !(await mayBearMark(context, disk))) return { is: 'unread' };
  const short = await probeDisk(context.exec, disk, { sample: false, fingerprint: false, claim: false });
  if (short.is !== 'read' || readMark(short.bytes, disk, context.self).is === 'ours') return short;
  if (pools.length === 0 || isUsed(usage)) return short;
  const fingerprint = isNamedForErasing(disk, pools);
  return probeDisk(context.exec, disk, { sample: true, fingerprint, claim: true });
}

/** What is left of its mark may be no mark any more, and no pool need want the disk. */
function isReleasing({ cordons }: PoolsContext, { identity }: Disk): boolean {
  const cordon = cordons.of(identity);
  return cordon.is === 'present' && cordon.value.state === 'releasing';
}

/**
 * A disk that no pool wants is looked at for one thing: a note of ours, from a time when one wanted it. A node may have
 * many such disks; each costs one small read and no more.
 */
async function mayBearMark(context: PoolsContext, disk: Disk): Promise<boolean> {
  try {
    const { stdout } = await context.exec(readCommand(disk.path, NOTE_OFFSET, NOTE_BYTES_MAX));
    return decodeNote(stdout).is !== 'none';
  } catch (error) {
    // Whatever cannot be read here is told by the probe, in its words.
    if (error instanceof DriverError) return true;
    throw error;
  }
}

function isNamedForErasing(disk: Disk, pools: readonly Pool[]): boolean {
  return pools.some((pool) => pool.eraseAndTake.some((permit) => permit.disk === disk.identity));
}

function isUsed(usage: Usage): boolean {
  return usage.mounts.length + usage.swaps.length + usage.holders.length > 0;
}

/** With a fresh deep look at a disk that a child holds for us. */
export async function judgeAnew(context: PoolsContext, disk: Disk): Promise<Verdict> {
  await expectSameDisk(disk);
  const pools = context.configuration.pools;
  const fingerprint = pools.some((pool) => pool.eraseAndTake.some((permit) => permit.disk === disk.identity));
  const content = heldBy(await probeDisk(context.exec, disk, { sample: true, fingerprint, claim: false }));
  const [disks, uses] = await Promise.all([listDisks(), readUseFacts()]);
  const { identity, array } = disk;
  const here =
    array === undefined
      ? disks
      : disks.map((one) => (one.name === disk.name ? { ...one, identity, array } : one));
  const now = here.find((one) => isSame(one, disk)) ?? disk;
  return judge(
    {
      disk: now,
      usage: usageOf(now, uses),
      content,
      twins: twinsOf(now, disks),
      cordon: context.cordons.of(now.identity),
    },
    pools,
    context.self,
  );
}

/** The probe could not have it exclusively, because we have. */
function heldBy(content: Content): Content {
  return content.is === 'read' ? { is: 'read', bytes: { ...content.bytes, exclusive: 'free' } } : content;
}
