import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { KIB, minOf } from '../model/bytes.ts';
import { END_BYTES, NOTE_AT, type Range, type Segment, segments } from './sampling.ts';

/**
 * A program of its own (dist/probe.mjs): reads one disk and prints what it found as one line of JSON. Opening and
 * reading a sick disk may never return, and four such calls would stop the driver; a child can be left behind.
 *
 *   probe PATH '{"sample":true,"fingerprint":false,"claim":true}'
 *   probe --hold PATH…    has the disks exclusively, says so in one line, and lets go when its input ends
 *
 * Exit 1 with words on stderr when anything could not be read, or the disk not be had.
 */

export type ProbeOptions = {
  readonly sample: boolean;
  readonly fingerprint: boolean;
  /** Ask whether the disk can be had exclusively. For that moment nobody else can mount it: not for disks in service. */
  readonly claim: boolean;
};

export type ProbeReport = {
  readonly exclusive: 'free' | 'busy' | 'unasked';
  /** Decimal, like `dirtyAt`: JSON has no bigint. */
  readonly sizeBytes: string;
  readonly head: string;
  readonly note: string;
  readonly tail: string;
  readonly dirtyAt: string;
  readonly fingerprint: string | undefined;
};

const NOTE_BYTES = 64n * KIB;
const CHUNK_BYTES = 1024 ** 2;
const CHUNK = Buffer.alloc(CHUNK_BYTES);
const ZEROS = Buffer.alloc(CHUNK_BYTES);

export function probe(path: string, options: ProbeOptions): ProbeReport {
  const exclusive = options.claim ? claim(path) : 'unasked';
  // Not read through the exclusive descriptor: while that is open nobody else can mount what lies on the disk.
  const fd = openSync(path, constants.O_RDONLY);
  try {
    const sizeBytes = sizeOf(fd);
    const { dirtyAt, fingerprint } = readSegments(fd, sizeBytes, options);
    return {
      exclusive,
      sizeBytes: sizeBytes.toString(),
      head: readRange(fd, { start: 0n, end: minOf(END_BYTES, sizeBytes) }),
      note: readRange(fd, { start: minOf(NOTE_AT, sizeBytes), end: minOf(NOTE_AT + NOTE_BYTES, sizeBytes) }),
      tail: readRange(fd, { start: sizeBytes - minOf(END_BYTES, sizeBytes), end: sizeBytes }),
      dirtyAt,
      fingerprint,
    };
  } finally {
    closeSync(fd);
  }
}

/** Whether the kernel lends the disk exclusively: not mounted, not held by another device, in any namespace. */
function claim(path: string): 'free' | 'busy' {
  try {
    // The kernel drops what it has cached of a disk when the last opener closes it, so this also refreshes the reads.
    closeSync(openSync(path, constants.O_RDONLY | constants.O_EXCL));
    return 'free';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return 'busy';
    throw error;
  }
}

/** stat() gives no size for a block device; the kernel's own number is asked of the open descriptor's device. */
function sizeOf(fd: number): bigint {
  const stat = fstatSync(fd, { bigint: true });
  if (stat.isFile()) return stat.size;
  if (!stat.isBlockDevice()) throw new Error('neither a block device nor a file');
  const major = ((stat.rdev >> 8n) & 0xfffn) | ((stat.rdev >> 32n) & 0xfffff000n);
  const minor = (stat.rdev & 0xffn) | ((stat.rdev >> 12n) & 0xffffff00n);
  return BigInt(readFileSync(`/sys/dev/block/${major}:${minor}/size`, 'utf8').trim()) * 512n;
}

function readSegments(fd: number, sizeBytes: bigint, options: ProbeOptions) {
  if (!options.sample && !options.fingerprint) return { dirtyAt: 'unsampled', fingerprint: undefined };
  const hash = options.fingerprint ? createHash('sha256').update(`${sizeBytes}:`) : undefined;
  let dirtyAt: bigint | undefined;
  for (const segment of segments(sizeBytes)) {
    if (dirtyAt !== undefined && hash === undefined) break;
    dirtyAt = readSegment(fd, segment, hash, dirtyAt);
  }
  const found = dirtyAt === undefined ? 'none' : dirtyAt.toString();
  return { dirtyAt: options.sample ? found : 'unsampled', fingerprint: hash?.digest('hex') };
}

/** The first dirty byte so far. Without a hash to feed, nothing behind the first dirty chunk is read. */
function readSegment(fd: number, segment: Segment, hash: Hash | undefined, sofar: bigint | undefined) {
  let dirtyAt = sofar;
  for (let at = segment.start; at < segment.end; at += BigInt(CHUNK_BYTES)) {
    if (dirtyAt !== undefined && hash === undefined) return dirtyAt;
    const chunk = CHUNK.subarray(0, Number(minOf(segment.end - at, BigInt(CHUNK_BYTES))));
    readFully(fd, chunk, at);
    hash?.update(chunk);
    if (dirtyAt === undefined && segment.judge === 'probe') dirtyAt = firstDirty(chunk, at);
  }
  return dirtyAt;
}

function firstDirty(chunk: Uint8Array, at: bigint): bigint | undefined {
  if (ZEROS.subarray(0, chunk.length).equals(chunk)) return undefined;
  return at + BigInt(chunk.findIndex((byte) => byte !== 0));
}

function readRange(fd: number, range: Range): string {
  const bytes = Buffer.alloc(Number(range.end - range.start));
  readFully(fd, bytes, range.start);
  return bytes.toString('base64');
}

function readFully(fd: number, into: Uint8Array, at: bigint): void {
  for (let done = 0; done < into.length; ) {
    const got = readSync(fd, into, { offset: done, length: into.length - done, position: at + BigInt(done) });
    if (got === 0) throw new Error(`the disk ends at byte ${at + BigInt(done)}, before its size`);
    done += got;
  }
}

/** What was cached of a disk before is dropped first, so that it is read as it is. */
function hold(paths: readonly string[]): void {
  for (const path of paths) {
    if (claim(path) === 'busy') throw new Error(`another process has ${path} open exclusively`);
    openSync(path, constants.O_RDONLY | constants.O_EXCL);
  }
  process.stdout.write('held\n');
  process.stdin.resume();
}

function main(): void {
  const [path, options, ...more] = process.argv.slice(2);
  if (path === undefined || options === undefined) throw new Error('usage: probe PATH OPTIONS');
  if (path === '--hold') hold([options, ...more]);
  else process.stdout.write(`${JSON.stringify(probe(path, JSON.parse(options) as ProbeOptions))}\n`);
}

if (import.meta.main) {
  try {
    main();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
