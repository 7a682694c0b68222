import { setTimeout as sleep } from 'node:timers/promises';
import { discardCommand } from '../host/blkdiscard.ts';
import { shredCommand } from '../host/dd.ts';
import { canDiscard } from '../host/sysfs.ts';
import { isMirrored } from '../model/array.ts';
import { alignDown, type ByteRange, MIB, minOf } from '../model/bytes.ts';
import { assertNever, messageOf } from '../model/errors.ts';
import type { Pool, Sanitize } from '../model/pool.ts';
import type { Uuid } from '../model/uuid.ts';
import { type Device, nameOf, type Placed } from '../pools/device.ts';
import { expectKnown, freeSlice, openSlice } from '../pools/slices.ts';
import type { VolumesContext } from './context.ts';
import { inPieces, type Pace, PIECE_BYTES, zeroNode } from './prepare.ts';

export type SanitizeProgress = {
  readonly doneBytes: bigint;
  /** Of all passes together. */
  readonly ofBytes: bigint;
  /** Why the last attempt failed, until one succeeds. */
  readonly error: string | undefined;
};

/** A slice that could not be sanitized or freed is tried again; it is no capacity meanwhile. */
const RETRY_MS = 30_000;

/**
 * Sanitizes quarantined slices in the background, one at a time on each disk, and frees them. A restart begins the
 * slice anew: what was done is not remembered, and doing it twice harms nobody.
 */
export class Sanitizer {
  private readonly context: VolumesContext;
  private readonly running = new Map<Uuid, SanitizeProgress>();
  private readonly lastOnDisk = new Map<Uuid, Promise<void>>();
  private readonly retries = new Set<NodeJS.Timeout>();
  private readonly stopping = new AbortController();

  constructor(context: VolumesContext) {
    this.context = context;
  }

  /** Idempotent: a slice that is being worked on is left to it. */
  start(placed: Placed): void {
    const { id, sizeBytes } = placed.slice;
    if (this.stopped || this.running.has(id)) return;
    this.running.set(id, { doneBytes: 0n, ofBytes: sizeBytes, error: undefined });
    this.queue(placed);
  }

  private queue(placed: Placed): void {
    const before = this.lastOnDisk.get(placed.device.mark) ?? Promise.resolve();
    this.lastOnDisk.set(
      placed.device.mark,
      before.then(() => this.work(placed)),
    );
  }

  progress(): ReadonlyMap<Uuid, SanitizeProgress> {
    return this.running;
  }

  /** Waits for the piece at hand; the rest is for the next start. */
  async stop(): Promise<void> {
    this.stopping.abort();
    for (const timer of this.retries) clearTimeout(timer);
    await Promise.all(this.lastOnDisk.values());
  }

  private async work(placed: Placed): Promise<void> {
    const { id, sizeBytes } = placed.slice;
    const startedAtMs = performance.now();
    const name = nameOf(placed.device);
    try {
      if (this.stopped) return;
      await this.sanitize(placed);
      await freeSlice(this.context.exec, placed);
      this.running.delete(id);
      const durationMs = performance.now() - startedAtMs;
      this.context.notify({ notice: 'sanitized', slice: id, ...name, sizeBytes, durationMs });
    } catch (error) {
      if (error instanceof Stopped) return;
      this.running.set(id, { doneBytes: 0n, ofBytes: sizeBytes, error: messageOf(error) });
      this.context.notify({ notice: 'sanitize-failed', slice: id, ...name, error: messageOf(error) });
      this.retryLater(placed);
    }
  }

  private retryLater(placed: Placed): void {
    if (this.stopped) return;
    const timer = setTimeout(() => {
      this.retries.delete(timer);
      if (this.context.pools.device(placed.device.mark) === placed.device) this.queue(placed);
      else this.running.delete(placed.slice.id);
    }, RETRY_MS);
    timer.unref();
    this.retries.add(timer);
  }

  private async sanitize(placed: Placed): Promise<void> {
    const method = await sanitizeFor(this.context, placed);
    if (method.method === 'none') return;
    const { lock } = placed.device;
    const node = await lock.shared(async () => {
      await expectKnown(this.context.exec, placed.device);
      return openSlice(this.context.exec, placed);
    });
    const passes = method.method === 'shred' ? method.passes : 0;
    const ofBytes = node.sizeBytes * BigInt(passes + 1);
    const pace = this.paceOf(placed, (doneBytes) => this.tell(placed.slice.id, doneBytes, ofBytes));
    this.tell(placed.slice.id, 0n, ofBytes);
    switch (method.method) {
      case 'discard':
        return inPieces(this.context, lock, node, (range) => discardCommand(node.path, range), pace(0n));
      case 'zero':
        return zeroNode(this.context, lock, node, pace(0n));
      case 'shred': {
        const shred = ({ offsetBytes, lengthBytes }: ByteRange) =>
          shredCommand(node.path, offsetBytes, lengthBytes);
        for (let pass = 0; pass < passes; pass += 1) {
          await inPieces(this.context, lock, node, shred, pace(node.sizeBytes * BigInt(pass)));
        }
        return zeroNode(this.context, lock, node, pace(node.sizeBytes * BigInt(passes)));
      }
      default:
        return assertNever(method, 'way to sanitize');
    }
  }

  /** No faster than the pool says, over all passes together: pieces of a second, and a wait when one took less. */
  private paceOf({ device }: Placed, tell: (doneBytes: bigint) => void): (doneBefore: bigint) => Pace {
    const startedAtMs = performance.now();
    const rate = poolOf(this.context, device)?.sanitizeBytesPerSecond;
    return (doneBefore) => ({
      pieceBytes: rate === undefined ? PIECE_BYTES : minOf(alignDown(rate, MIB), PIECE_BYTES),
      done: async (bytes) => {
        const doneBytes = doneBefore + bytes;
        tell(doneBytes);
        if (rate === undefined) return;
        await this.waitUntil(startedAtMs + Number((doneBytes * 1000n) / rate));
      },
    });
  }

  private async waitUntil(atMs: number): Promise<void> {
    const options = { signal: this.stopping.signal };
    await sleep(Math.max(0, atMs - performance.now()), undefined, options).catch(() => undefined);
    if (this.stopped) throw new Stopped();
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private tell(id: Uuid, doneBytes: bigint, ofBytes: bigint): void {
    if (this.stopped) throw new Stopped();
    this.running.set(id, { doneBytes, ofBytes, error: this.running.get(id)?.error });
    this.context.notify({ notice: 'sanitizing', slice: id, doneBytes, ofBytes });
  }
}

class Stopped extends Error {}

/**
 * As the pool says now; a pool that the configuration no longer has gets zeros, the surest of the quick ways, and so
 * do a disk that takes no discards and a mirror: discarded blocks may read differently on its disks.
 */
async function sanitizeFor(context: VolumesContext, { device }: Placed): Promise<Sanitize> {
  const wanted = poolOf(context, device)?.sanitize ?? { method: 'zero' };
  if (wanted.method !== 'discard') return wanted;
  const possible = !isMirrored(device.note.array) && (await canDiscard(device.disk.name));
  return possible ? wanted : { method: 'zero' };
}

function poolOf({ pools }: VolumesContext, { note }: Device): Pool | undefined {
  return pools.pools().find(({ name }) => name === note.pool);
}
