import { cutOf, freeBytes, sliceableBytes } from './allocate.ts';
import { type Gpt, TABLE_ENTRIES } from './gpt.ts';
import { freeExtents, type Group, VOLUMES_MAX } from './group.ts';
import type { DeviceNote } from './note.ts';
import { type Slice, slicesOf } from './slice.ts';
import { sliceOf } from './volume-tags.ts';

/** What a device bears and what it can still bear, as its own metadata tell it. Sizes in bytes. */
export type Carved = {
  readonly slices: readonly Slice[];
  /** What slices can still get, and the largest single one. */
  readonly free: { readonly totalBytes: bigint; readonly largestBytes: bigint };
  /** What slices could get were there none. */
  readonly sliceableBytes: bigint;
  /** How many slices the device can bear. */
  readonly slicesMax: number;
  /** What LVM's metadata say, where they and not the table tell of slices. */
  readonly group: Group | undefined;
};

/** Of a device whose slices are partitions. */
export function carvedByTable(table: Gpt, note: DeviceNote): Carved {
  const cut = cutOf(note);
  return {
    slices: slicesOf(table),
    free: freeBytes(table, cut),
    sliceableBytes: sliceableBytes(table, cut),
    slicesMax: cut.carving === 'whole' ? 1 : TABLE_ENTRIES - 2,
    group: undefined,
  };
}

/** Of a device whose slices are logical volumes. What others made in the group is no slice, and takes room. */
export function carvedByGroup(group: Group): Carved {
  const freeBytes = freeExtents(group) * group.extentBytes;
  return {
    slices: group.volumes.flatMap((volume) => sliceOf(volume) ?? []),
    free: { totalBytes: freeBytes, largestBytes: freeBytes },
    sliceableBytes: group.extents * group.extentBytes,
    slicesMax: VOLUMES_MAX,
    group,
  };
}

/** Of a device that is not made yet. */
export const NOTHING_CARVED: Carved = {
  slices: [],
  free: { totalBytes: 0n, largestBytes: 0n },
  sliceableBytes: 0n,
  slicesMax: 0,
  group: undefined,
};
