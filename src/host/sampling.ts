import { KIB, MIB, maxOf, minOf } from '../model/bytes.ts';

/** Which bytes of a disk law 1 has read before a disk counts as blank. Pure, and a function of the size alone. */

/** Head and tail that are handed to the caller, who judges them himself. */
export const END_BYTES = 64n * KIB;
export const NOTE_AT = MIB;
/** What of the note region the caller judges. The rest of it must be zero like everything else. */
const NOTE_JUDGED_BYTES = 8n * KIB;

const FRONT_BYTES = 64n * MIB;
const BACK_BYTES = 4n * MIB;
const SAMPLE_BYTES = 64n * KIB;
const SAMPLES = 256n;
const SECTOR_BYTES = 4096n;

export type Range = { readonly start: bigint; readonly end: bigint };

/** A range that is read, and who judges whether it is blank: the probe, or the caller. */
export type Segment = Range & { readonly judge: 'probe' | 'caller' };

/** Everything that law 1 reads of a disk, ascending, without gaps inside a range and without overlaps. */
export function sampledRanges(sizeBytes: bigint): readonly Range[] {
  const ranges = [
    { start: 0n, end: FRONT_BYTES },
    { start: sizeBytes - BACK_BYTES, end: sizeBytes },
    ...spread(sizeBytes),
  ];
  return merge(ranges.map((range) => clip(range, sizeBytes)));
}

/** The same bytes, cut where the caller's own ranges begin and end. */
export function segments(sizeBytes: bigint): readonly Segment[] {
  const own = callersRanges(sizeBytes);
  return sampledRanges(sizeBytes).flatMap((range) => cut(range, own));
}

/** What the caller judges himself: head, note and tail. */
export function callersRanges(sizeBytes: bigint): readonly Range[] {
  const ranges = [
    { start: 0n, end: END_BYTES },
    { start: NOTE_AT, end: NOTE_AT + NOTE_JUDGED_BYTES },
    { start: sizeBytes - END_BYTES, end: sizeBytes },
  ];
  return merge(ranges.map((range) => clip(range, sizeBytes)));
}

function spread(sizeBytes: bigint): readonly Range[] {
  if (sizeBytes <= SAMPLE_BYTES) return [];
  const last = sizeBytes - SAMPLE_BYTES;
  return Array.from({ length: Number(SAMPLES) }, (_, index) => {
    const at = (last * BigInt(index)) / (SAMPLES - 1n);
    const start = at - (at % SECTOR_BYTES);
    return { start, end: start + SAMPLE_BYTES };
  });
}

function clip(range: Range, sizeBytes: bigint): Range {
  return { start: maxOf(range.start, 0n), end: minOf(range.end, sizeBytes) };
}

function merge(ranges: readonly Range[]): readonly Range[] {
  const merged: Range[] = [];
  for (const range of ranges.filter((one) => one.start < one.end).toSorted(byStart)) {
    const before = merged.at(-1);
    if (before === undefined || range.start > before.end) merged.push(range);
    else if (range.end > before.end) merged[merged.length - 1] = { start: before.start, end: range.end };
  }
  return merged;
}

function byStart(a: Range, b: Range): number {
  return a.start < b.start ? -1 : Number(a.start > b.start);
}

function cut(range: Range, own: readonly Range[]): readonly Segment[] {
  const pieces: Segment[] = [];
  let at = range.start;
  for (const { start, end } of own) {
    if (end <= at || start >= range.end) continue;
    if (start > at) pieces.push({ start: at, end: start, judge: 'probe' });
    const stop = minOf(end, range.end);
    pieces.push({ start: maxOf(start, at), end: stop, judge: 'caller' });
    at = stop;
  }
  if (at < range.end) pieces.push({ start: at, end: range.end, judge: 'probe' });
  return pieces;
}
