import { cutOf, freeBytes, sliceableBytes } from './allocate.ts';
import { type Gpt, TABLE_ENTRIES } from './gpt.ts';
import type { DeviceNote } from './note.ts';
import { type Slice, slicesOf } from './slice.ts';

/** What a device bears and what it can still bear, as its own metadata tell it. Sizes in bytes. */
export type Carved = {
  readonly slices: readonly Slice[];
  /** What slices can still get, and the largest single one. */
  readonly free: { readonly totalBytes: bigint; readonly largestBytes: bigint };
  /** What slices could get were there none. */
  readonly sliceableBytes: bigint;
  /** How many slices the device can bear. */
  readonly slicesMax: number;
};

/** Of a device whose slices are partitions. */
export function carvedByTable(table: Gpt, note: DeviceNote): Carved {
  const cut = cutOf(note);
  return {
    slices: slicesOf(table),
    free: freeBytes(table, cut),
    sliceableBytes: sliceableBytes(table, cut),
    slicesMax: cut.carving === 'whole' ? 1 : TABLE_ENTRIES - 2,
  };
}
