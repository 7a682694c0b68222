import { alignDown, MIB, maxOf, minOf } from './bytes.ts';
import type { Disk } from './disk.ts';
import { usableRange } from './gpt.ts';
import type { DeviceNote } from './note.ts';
import type { Raid, RaidLevel } from './pool.ts';
import type { Uuid } from './uuid.ts';

/** Which disks become an array together, and how it lies on them. Pure. */

export const MEMBERS_MIN = 2;
/** The note of each names them all, and has 8 KiB. */
export const MEMBERS_MAX = 32;

/** `lost`: nothing of it can be read until what is missing returns. `waiting`: it is not served, and nothing is lost. */
export const ARRAY_STANDINGS = ['whole', 'degraded', 'lost', 'waiting'] as const;
export type ArrayStanding = (typeof ARRAY_STANDINGS)[number];

/** The identity of an array: its UUID in md's superblocks, whatever the kernel calls it this time. */
export function arrayIdentity(uuid: Uuid): string {
  return `md:${uuid}`;
}

/** Whether the level keeps every byte twice. */
export function isMirrored(array: DeviceNote['array']): boolean {
  return array === 'raid1' || array === 'raid10';
}

/** Disks that are written side by side before the first one's turn comes again; as Linux counts them for raid10. */
function stripedDisks(level: RaidLevel, count: number): number {
  if (level === 'raid1') return 0;
  return level === 'raid10' && count % 2 === 0 ? count / 2 : count;
}

/** Slices begin on multiples of this: whole MiB and, on an array, whole stripes. */
export function alignmentOf(note: DeviceNote): bigint {
  if (note.array === 'none') return MIB;
  const stripeBytes = note.chunkBytes * BigInt(stripedDisks(note.array, note.members.length));
  return stripeBytes === 0n ? MIB : (MIB * stripeBytes) / gcd(MIB, stripeBytes);
}

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b);
}

/** The most that a disk can give to an array beside its mark, in whole MiB and chunks. */
export function roomForMember(
  disk: Pick<Disk, 'sizeBytes' | 'logicalBlockBytes'>,
  chunkBytes: bigint,
): bigint {
  const { start, end } = usableRange(disk.sizeBytes, disk.logicalBlockBytes);
  return alignDown(end - start - MIB, maxOf(MIB, chunkBytes));
}

/** Size of the part of every member: that of the smallest. */
export function memberBytesOf(disks: readonly Disk[], chunkBytes: bigint): bigint {
  return disks.map((disk) => roomForMember(disk, chunkBytes)).reduce(minOf);
}

/**
 * Whether an array gives all of its bytes without the members at these places. raid10 has each chunk on two
 * neighbours: of an even number of disks those of a pair, else any two, the last and the first too.
 */
export function canRunWithout(level: RaidLevel, count: number, missing: readonly number[]): boolean {
  switch (level) {
    case 'raid0':
      return missing.length === 0;
    case 'raid1':
      return missing.length < count;
    case 'raid10':
      return !missing.some((at) => (count % 2 === 1 || at % 2 === 0) && missing.includes((at + 1) % count));
  }
}

/**
 * Whether parts of a mirror have run apart, so that each has bytes that the others lack: two of them know of no part that
 * both would have worked with. One that was merely left behind still knows those that went on.
 * @param active for each part, the places of those that worked when it was written to last
 */
export function ranApart(active: readonly (readonly number[])[]): boolean {
  return active.some((one) => active.some((other) => !one.some((place) => other.includes(place))));
}

export type Gathering = {
  readonly groups: readonly (readonly Disk[])[];
  /** Too few for an array, or not waited for long enough. */
  readonly left: readonly Disk[];
};

/**
 * The arrays that blank disks of a pool become, by their sizes and identities and not by what the kernel calls them.
 * Disks of other sector sizes never come together: an array that lost one would change its own.
 */
export function gatherDisks({ count }: Raid, disks: readonly Disk[], isSettled: boolean): Gathering {
  const bySector = [
    ...Map.groupBy(disks.toSorted(bySizeAndIdentity), (disk) => disk.logicalBlockBytes).values(),
  ];
  const groups = bySector.flatMap((alike) =>
    count !== undefined || isSettled ? inGroups(alike, count ?? MEMBERS_MAX, count ?? MEMBERS_MIN) : [],
  );
  const taken = new Set(groups.flat());
  return { groups, left: disks.filter((disk) => !taken.has(disk)) };
}

function inGroups(disks: readonly Disk[], most: number, least: number): readonly (readonly Disk[])[] {
  const starts = Array.from({ length: Math.ceil(disks.length / most) }, (_, at) => at * most);
  return starts.map((at) => disks.slice(at, at + most)).filter(({ length }) => length >= least);
}

function bySizeAndIdentity(a: Disk, b: Disk): number {
  if (a.sizeBytes !== b.sizeBytes) return a.sizeBytes < b.sizeBytes ? -1 : 1;
  return (a.identity ?? '') < (b.identity ?? '') ? -1 : 1;
}
