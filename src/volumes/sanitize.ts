import { type ByteRange, discardCommand } from '../host/blkdiscard.ts';
import { shredCommand } from '../host/dd.ts';
import { canDiscard } from '../host/sysfs.ts';
import { isMirrored } from '../model/array.ts';
import { assertNever, messageOf } from '../model/errors.ts';
import type { Sanitize } from '../model/pool.ts';
import type { Uuid } from '../model/uuid.ts';
import { nameOf, type Placed } from '../pools/device.ts';
import { expectKnown, freeSlice, openSlice } from '../pools/slices.ts';
import type { VolumesContext } from './context.ts';
import { inPieces, zeroNode } from './prepare.ts';

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
  private stopped = false;

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
    this.stopped = true;
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
    const tell = (doneBytes: bigint): void => this.tell(placed.slice.id, doneBytes, ofBytes);
    tell(0n);
    switch (method.method) {
      case 'discard':
        return inPieces(this.context, lock, node, (range) => discardCommand(node.path, range), tell);
      case 'zero':
        return zeroNode(this.context, lock, node, tell);
      case 'shred': {
        const shred = ({ offsetBytes, lengthBytes }: ByteRange) =>
          shredCommand(node.path, offsetBytes, lengthBytes);
        for (let pass = 0; pass < passes; pass += 1) {
          const done = node.sizeBytes * BigInt(pass);
          await inPieces(this.context, lock, node, shred, (bytes) => tell(done + bytes));
        }
        const shredded = node.sizeBytes * BigInt(passes);
        return zeroNode(this.context, lock, node, (bytes) => tell(shredded + bytes));
      }
      default:
        return assertNever(method, 'way to sanitize');
    }
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
  const pool = context.pools.pools().find(({ name }) => name === device.note.pool);
  const wanted = pool?.sanitize ?? { method: 'zero' };
  if (wanted.method !== 'discard') return wanted;
  const possible = !isMirrored(device.note.array) && (await canDiscard(device.disk.name));
  return possible ? wanted : { method: 'zero' };
}
