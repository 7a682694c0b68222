import { sizeFor, type Wish } from './allocate.ts';
import { alignUp, type ByteRange, minOf } from './bytes.ts';
import type { Uuid } from './uuid.ts';

/** The volume group of a device that LVM carves, as its metadata tell it; names, and where a volume goes. Pure. */

export type Group = {
  readonly uuid: string;
  /** LVM counts it up with each change of the metadata. */
  readonly seqno: bigint;
  readonly extentBytes: bigint;
  /** Where on the physical volume the first extent begins. */
  readonly dataStartBytes: bigint;
  readonly extents: bigint;
  readonly volumes: readonly LogicalVolume[];
  /** Extents that no volume has, in order. */
  readonly free: readonly Run[];
};

export type LogicalVolume = {
  readonly name: string;
  readonly uuid: string;
  readonly sizeBytes: bigint;
  readonly tags: readonly string[];
};

/** Extents in a row. */
export type Run = { readonly start: bigint; readonly count: bigint };

/** The metadata of so many fit into the room that LVM gets for them. */
export const VOLUMES_MAX = 1000;

/** Computed from the mark, and of no other mark: a group of this name on another device is a copy. */
export function groupName(mark: Uuid): string {
  return `isc_${mark.replaceAll('-', '')}`;
}

/** Whether a device of this name in device mapper is a volume of such a group. */
export function isOurMapping(name: string): boolean {
  return /^isc_[0-9a-f]{32}-/.test(name);
}

/** What LVM tells the kernel as the UUID of a volume's mapping. */
export function mappingUuid(group: Pick<Group, 'uuid'>, volume: Pick<LogicalVolume, 'uuid'>): string {
  return `LVM-${`${group.uuid}${volume.uuid}`.replaceAll('-', '')}`;
}

export function volumeName(generation: number): string {
  return `slice_${generation}`;
}

/** Undefined for a volume that is not named as a slice. */
export function generationOf({ name }: LogicalVolume): number | undefined {
  const digits = /^slice_([1-9][0-9]{0,14})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The next generation: above all that the group has. */
export function nextGeneration({ volumes }: Group): number {
  return Math.max(0, ...volumes.map((volume) => generationOf(volume) ?? 0)) + 1;
}

/** Where extents are on the physical volume. */
export function rangeOf({ dataStartBytes, extentBytes }: Group, { start, count }: Run): ByteRange {
  return { offsetBytes: dataStartBytes + start * extentBytes, lengthBytes: count * extentBytes };
}

/** What new volumes can get. */
export function freeExtents({ free, volumes }: Group): bigint {
  return volumes.length < VOLUMES_MAX ? countOf(free) : 0n;
}

export function countOf(runs: readonly Run[]): bigint {
  return runs.reduce((sum, { count }) => sum + count, 0n);
}

/** Where a new slice goes; undefined when the group has no room for it, or no whole extents are within the limit. */
export function placeVolume(group: Group, wish: Wish): readonly Run[] | undefined {
  const sizeBytes = sizeFor(wish.size, wish.minimumBytes, 'lvm');
  if (sizeBytes === undefined || group.volumes.length >= VOLUMES_MAX) return undefined;
  const count = alignUp(sizeBytes, group.extentBytes) / group.extentBytes;
  const { limitBytes } = wish.size;
  const isTooLarge = limitBytes !== undefined && count * group.extentBytes > limitBytes;
  return isTooLarge ? undefined : pickRuns(group.free, count);
}

/** `count` free extents: of the smallest run that has them all, else of the largest ones; undefined when there are fewer. */
export function pickRuns(free: readonly Run[], count: bigint): readonly Run[] | undefined {
  if (countOf(free) < count) return undefined;
  const descending = free.toSorted((a, b) => (a.count > b.count ? -1 : 1));
  const tightest = descending.findLast((run) => run.count >= count);
  const picked: Run[] = [];
  let left = count;
  for (const run of tightest === undefined ? descending : [tightest]) {
    if (left === 0n) break;
    const taken = minOf(run.count, left);
    picked.push({ start: run.start, count: taken });
    left -= taken;
  }
  return picked;
}
