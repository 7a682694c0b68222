import { freeBytes, sliceableBytes } from './allocate.ts';
import { type Gpt, TABLE_ENTRIES } from './gpt.ts';
import type { Carving } from './pool.ts';
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
export function carvedByTable(table: Gpt, carving: Carving): Carved {
  return {
    slices: slicesOf(table),
    free: freeBytes(table, carving),
    sliceableBytes: sliceableBytes(table, carving),
    slicesMax: carving === 'whole' ? 1 : TABLE_ENTRIES - 2,
  };
}
