import { alignmentOf } from './array.ts';
import { alignDown, alignUp, MIB, maxOf, minOf } from './bytes.ts';
import { type Gpt, type GptEntry, TYPE_OWNER, TYPE_QUARANTINE, TYPE_VOLUME } from './gpt.ts';
import { freeNumbers } from './mark.ts';
import type { DeviceNote } from './note.ts';
import type { Carving } from './pool.ts';
import { nextGeneration, sliceLabel } from './slice.ts';
import type { Uuid } from './uuid.ts';
import type { SizeRange } from './volume.ts';

/** Where a new slice goes. Pure: a table and a wish in, an entry out. */

/** How a device is cut into slices. Starts are multiples of `alignBytes`, which is whole MiB. */
export type Cut = { readonly carving: Carving; readonly alignBytes: bigint };

/** On whole MiB, so aligned for every flash page that we know, and on an array on whole stripes. */
export function cutOf(note: DeviceNote): Cut {
  return { carving: note.carving, alignBytes: alignmentOf(note) };
}

export type Gap = { readonly startBytes: bigint; readonly endBytes: bigint; readonly behindBytes: bigint };

/** Free ranges in order; `behindBytes` is the size of the slice in front of the gap, 0 behind what never grows. */
export function gaps(table: Gpt, alignBytes: bigint): readonly Gap[] {
  const sorted = [...table.entries].sort((a, b) => (a.startBytes < b.startBytes ? -1 : 1));
  const free: Gap[] = [];
  const push = (from: bigint, end: bigint, behindBytes: bigint): void => {
    const [startBytes, endBytes] = [alignUp(from, alignBytes), alignDown(end, MIB)];
    if (startBytes < endBytes) free.push({ startBytes, endBytes, behindBytes });
  };
  let from = table.firstUsableBytes;
  let behind = 0n;
  for (const entry of sorted) {
    push(from, entry.startBytes, behind);
    from = maxOf(from, entry.startBytes + entry.sizeBytes);
    behind = entry.type === TYPE_VOLUME ? entry.sizeBytes : 0n;
  }
  push(from, table.usableEndBytes, behind);
  return free;
}

const sizeOf = (gap: Gap): bigint => gap.endBytes - gap.startBytes;

/** Bytes that slices can still get, and the largest single one; nothing when the table has no entry left. */
export function freeBytes(
  table: Gpt,
  { carving, alignBytes }: Cut,
): { readonly totalBytes: bigint; readonly largestBytes: bigint } {
  const free = gaps(table, alignBytes);
  const none = freeNumbers(table).length === 0 || (carving === 'whole' && hasSlice(table));
  if (none) return { totalBytes: 0n, largestBytes: 0n };
  const largestBytes = free.reduce((largest, gap) => maxOf(largest, sizeOf(gap)), 0n);
  if (carving === 'whole') return { totalBytes: largestBytes, largestBytes };
  return { totalBytes: free.reduce((sum, gap) => sum + sizeOf(gap), 0n), largestBytes };
}

/** What freeBytes() gives for the same table without its slices. */
export function sliceableBytes(table: Gpt, cut: Cut): bigint {
  const entries = table.entries.filter(({ type }) => type !== TYPE_VOLUME && type !== TYPE_QUARANTINE);
  return freeBytes({ ...table, entries }, cut).totalBytes;
}

function hasSlice(table: Gpt): boolean {
  return table.entries.some((entry) => entry.type !== TYPE_OWNER);
}

/**
 * The size that a volume gets: at least `minimumBytes` (its filesystem's) and what was asked for, in whole MiB while
 * the limit allows, else in the steps of its carving; undefined when the limit is below.
 */
export function sizeFor(size: SizeRange, minimumBytes: bigint, carving: Carving): bigint | undefined {
  const limit = size.limitBytes;
  const stepBytes = sizeStepBytes(carving);
  const unasked = minOf(DEFAULT_BYTES, alignDown(limit ?? DEFAULT_BYTES, stepBytes));
  const wanted = maxOf(maxOf(size.requiredBytes ?? unasked, minimumBytes), stepBytes);
  const rounded = alignUp(wanted, MIB);
  if (limit === undefined || rounded <= limit) return rounded;
  const exact = alignUp(wanted, stepBytes);
  return exact <= limit ? exact : undefined;
}

/** No size asked for. */
const DEFAULT_BYTES = 1024n * MIB;

/** Partitions end on whole sectors, which have at most 4 KiB; logical volumes on whole extents. */
export function sizeStepBytes(carving: Carving): bigint {
  return carving === 'lvm' ? MIB : 4096n;
}

export type Wish = {
  readonly handle: Uuid;
  readonly pool: string;
  readonly size: SizeRange;
  readonly minimumBytes: bigint;
};

/** The entry to add, or undefined when this table has no room for it. */
export function allocate(table: Gpt, cut: Cut, wish: Wish): GptEntry | undefined {
  const number = freeNumbers(table)[0];
  const free = gaps(table, cut.alignBytes);
  const place = cut.carving === 'whole' ? placeWhole(table, free, wish) : placePartition(free, cut, wish);
  if (number === undefined || place === undefined) return undefined;
  return {
    number,
    type: TYPE_VOLUME,
    uuid: wish.handle,
    ...place,
    attributes: 0n,
    name: sliceLabel(wish.pool, nextGeneration(table)),
  };
}

type Place = { readonly startBytes: bigint; readonly sizeBytes: bigint };

/** One slice a device: all of it, if that lies within what was asked for. */
function placeWhole(table: Gpt, [gap]: readonly Gap[], wish: Wish): Place | undefined {
  if (gap === undefined || hasSlice(table)) return undefined;
  const sizeBytes = sizeOf(gap);
  const least = maxOf(wish.size.requiredBytes ?? 0n, wish.minimumBytes);
  const fits = sizeBytes >= least && sizeBytes <= (wish.size.limitBytes ?? sizeBytes);
  return fits ? { startBytes: gap.startBytes, sizeBytes } : undefined;
}

function placePartition(free: readonly Gap[], { carving, alignBytes }: Cut, wish: Wish): Place | undefined {
  const sizeBytes = sizeFor(wish.size, wish.minimumBytes, carving);
  if (sizeBytes === undefined) return undefined;
  const fitting = free.filter((gap) => sizeOf(gap) >= sizeBytes);
  const largest = fitting.reduce<Gap | undefined>(
    (best, gap) => (best && sizeOf(best) >= sizeOf(gap) ? best : gap),
    undefined,
  );
  if (largest === undefined) return undefined;
  const roomy = startWithHeadroom(largest, sizeBytes, alignBytes);
  if (roomy !== undefined) return { startBytes: roomy, sizeBytes };
  const tightest = fitting.reduce((best, gap) => (sizeOf(gap) < sizeOf(best) ? gap : best), largest);
  return { startBytes: tightest.startBytes, sizeBytes };
}

/**
 * Leaves the slice in front room to double, as long as most of the gap stays in one piece behind the new slice: room
 * to grow must not cost the next large volume its place.
 */
function startWithHeadroom(gap: Gap, sizeBytes: bigint, alignBytes: bigint): bigint | undefined {
  const headroom = alignUp(gap.behindBytes, alignBytes);
  const rest = sizeOf(gap) - headroom - alignUp(sizeBytes, MIB);
  return rest * 2n >= sizeOf(gap) ? gap.startBytes + headroom : undefined;
}

/** The largest size that the slice of this entry can grow to where it stands. */
export function growableTo(table: Gpt, entry: GptEntry): bigint {
  const end = entry.startBytes + entry.sizeBytes;
  const next = table.entries
    .filter((other) => other.startBytes >= end)
    .reduce((nearest, other) => minOf(nearest, other.startBytes), alignDown(table.usableEndBytes, MIB));
  return maxOf(next - entry.startBytes, entry.sizeBytes);
}
