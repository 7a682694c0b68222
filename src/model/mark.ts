import { alignmentOf } from './array.ts';
import { alignDown, alignUp, MIB } from './bytes.ts';
import type { Disk, DiskBytes } from './disk.ts';
import {
  ATTR_MADE,
  encodeGpt,
  type Gpt,
  type GptCopies,
  type GptEntry,
  parseGpt,
  TABLE_ENTRIES,
  TYPE_MEMBER,
  TYPE_OWNER,
  usableRange,
} from './gpt.ts';
import { type DeviceNote, decodeNote, isMember, type MemberNote, type Note } from './note.ts';
import type { Self } from './pool.ts';
import { withEntry } from './slice.ts';
import { derivedUuid } from './uuid.ts';

/** What a disk's bytes say of an owner mark. Pure: the same bytes, the same reading. */
export type MarkReading =
  | { readonly is: 'none' }
  /** Our note lies there torn and everything else is zero: a taking that was cut while the note was written. */
  | { readonly is: 'torn-note' }
  /** Our note, and a prefix of the first table: a taking that was cut short and is finished the same way. */
  | { readonly is: 'unfinished'; readonly note: Note }
  /** Our note says that an erasing was begun, and it has not come to its end. */
  | { readonly is: 'erasing'; readonly note: DeviceNote }
  | { readonly is: 'ours'; readonly mark: OwnerMark }
  | { readonly is: 'another-node'; readonly note: Note }
  | { readonly is: 'copied'; readonly note: Note }
  | { readonly is: 'newer'; readonly version: number }
  | { readonly is: 'damaged'; readonly why: string };

export type OwnerMark<N extends Note = Note> = {
  readonly note: N;
  readonly table: Gpt;
  /** Which copy of the table must be rewritten before anything else: a write was cut between the two. */
  readonly torn: 'none' | 'primary' | 'backup';
};

/** Of what is carved. */
export type DeviceMark = OwnerMark<DeviceNote>;
export type MemberMark = OwnerMark<MemberNote>;

export function readMark(bytes: DiskBytes, disk: Disk, self: Self): MarkReading {
  const copies = parseGpt(bytes.head, bytes.tail, disk.logicalBlockBytes, disk.sizeBytes);
  const table = currentTable(copies);
  const reading = decodeNote(bytes.note);
  switch (reading.is) {
    case 'newer':
      return { is: 'newer', version: reading.version };
    case 'none':
      return isOwned(table) ? { is: 'damaged', why: 'the table is ours, its note is gone' } : { is: 'none' };
    case 'torn':
      return isZero(bytes.head) && isZero(bytes.tail) && bytes.dirtyAt === 'none'
        ? { is: 'torn-note' }
        : { is: 'damaged', why: `the note: ${reading.why}` };
    case 'note':
      return ofNote(reading.note, table, copies, bytes, disk, self);
  }
}

function ofNote(
  note: Note,
  table: Gpt | undefined,
  copies: GptCopies,
  bytes: DiskBytes,
  disk: Disk,
  self: Self,
): MarkReading {
  if (note.driver !== self.driver || (note.node !== self.node && note.machine !== self.machine)) {
    return { is: 'another-node', note };
  }
  if (note.disk !== disk.identity) return { is: 'copied', note };
  if (note.diskBytes !== disk.sizeBytes)
    return { is: 'damaged', why: `the disk had ${note.diskBytes} bytes when taken` };
  if (note.sectorBytes !== disk.logicalBlockBytes) {
    return { is: 'damaged', why: `the disk had sectors of ${note.sectorBytes} bytes when taken` };
  }
  if (table === undefined && isTakingPrefix(note, bytes)) return { is: 'unfinished', note };
  if (!isMember(note) && note.erased !== undefined && table?.diskGuid !== note.mark)
    return { is: 'erasing', note };
  if (table === undefined) return { is: 'damaged', why: 'the note is whole, no copy of the table is' };
  if (!isOwned(table)) return { is: 'damaged', why: 'the note is whole, the table is not ours' };
  if (table.diskGuid !== note.mark)
    return { is: 'damaged', why: 'note and table are of two different takings' };
  if (!bearsMember(table, note))
    return { is: 'damaged', why: 'partition 2, which the note implies, is not in the table' };
  const torn = tornCopy(copies);
  const stranger = torn === 'none' ? undefined : strangerAt(bytes, copies, note.sectorBytes);
  return stranger === undefined
    ? { is: 'ours', mark: { note, table, torn } }
    : { is: 'damaged', why: stranger };
}

/**
 * A torn copy is about to be written over, so what lies there must be what a cut of our own writes leaves: somebody who
 * made a filesystem over our table moved in, and the disk is theirs.
 */
function strangerAt(bytes: DiskBytes, copies: GptCopies, sectorBytes: number): string | undefined {
  const signature = bytes.signatures.find(({ usage }) => usage === 'other');
  if (signature !== undefined)
    return `one copy of the table is torn, and ${signature.type} is at ${signature.at}`;
  const [first, second, ...rest] = sectors(bytes.head, sectorBytes);
  if (first && !copies.protectiveMbr && !isZero(first))
    return 'the first sector is neither zero nor a protective MBR';
  if (copies.primary.is !== 'none' || copies.backup.is !== 'whole') return undefined;
  const entries = copies.backup.raw;
  const foreign = rest.some(
    (sector, at) => !isZero(sector) && Buffer.compare(sector, sectorAt(entries, at, sectorBytes)) !== 0,
  );
  return foreign || (second && !isZero(second))
    ? 'the primary copy of the table is gone, and other bytes are there'
    : undefined;
}

/** The primary rules while it is whole; the backup is written first and rules only when the primary is torn. */
function currentTable(copies: GptCopies): Gpt | undefined {
  if (copies.primary.is === 'whole') return copies.primary.table;
  return copies.backup.is === 'whole' ? copies.backup.table : undefined;
}

function tornCopy(copies: GptCopies): OwnerMark['torn'] {
  if (copies.primary.is !== 'whole' || !copies.protectiveMbr) return 'primary';
  if (copies.backup.is !== 'whole') return 'backup';
  return Buffer.compare(copies.primary.raw, copies.backup.raw) === 0 ? 'none' : 'backup';
}

function isOwned(table: Gpt | undefined): boolean {
  return table?.entries.some((entry) => entry.number === 1 && entry.type === TYPE_OWNER) ?? false;
}

/** The entry of type MEMBER: a disk's part of an array, or the physical volume of what LVM carves. */
export const MEMBER_NUMBER = 2;

/** Whether the table has what its note implies; of a device that is carved in partitions nothing is implied. */
function bearsMember(table: Gpt, note: Note): boolean {
  const wanted = memberEntry(firstTable(note));
  if (wanted === undefined) return true;
  const found = memberEntry(table);
  return (
    found?.type === TYPE_MEMBER &&
    found.uuid === wanted.uuid &&
    found.startBytes === wanted.startBytes &&
    found.sizeBytes === wanted.sizeBytes
  );
}

export function memberEntry({ entries }: Gpt): GptEntry | undefined {
  return entries.find(({ number }) => number === MEMBER_NUMBER);
}

/** Whether the table says that the array or volume group was made; from then on it is never made again. */
export function isMade(table: Gpt): boolean {
  return ((memberEntry(table)?.attributes ?? 0n) & ATTR_MADE) !== 0n;
}

export function withMade(table: Gpt): Gpt {
  return withEntry(table, MEMBER_NUMBER, (entry) => ({ ...entry, attributes: entry.attributes | ATTR_MADE }));
}

/** The table of a disk that was just taken: the owner partition, the member if its note implies one, and nothing else. */
export function firstTable(note: Note): Gpt {
  const usable = usableRange(note.diskBytes, note.sectorBytes);
  const owner: GptEntry = {
    number: 1,
    type: TYPE_OWNER,
    uuid: note.ownerPartition,
    startBytes: usable.start,
    sizeBytes: MIB,
    attributes: 0n,
    name: 'instance-store-csi',
  };
  return {
    diskGuid: note.mark,
    sectorBytes: note.sectorBytes,
    firstUsableBytes: usable.start,
    usableEndBytes: usable.end,
    entries: [owner, ...membersOf(note, usable.start + MIB, usable.end)],
  };
}

function membersOf(note: Note, from: bigint, end: bigint): readonly GptEntry[] {
  const member = { number: MEMBER_NUMBER, type: TYPE_MEMBER, attributes: 0n };
  if (isMember(note)) {
    const name = 'instance-store-csi-member';
    const uuid = derivedUuid(note.mark, 'member');
    return [{ ...member, name, uuid, startBytes: from, sizeBytes: note.memberBytes }];
  }
  if (note.carving !== 'lvm') return [];
  const startBytes = alignUp(from, alignmentOf(note));
  const sizeBytes = alignDown(end, MIB) - startBytes;
  const uuid = derivedUuid(note.mark, 'physical volume');
  return [{ ...member, name: 'instance-store-csi-lvm', uuid, startBytes, sizeBytes }];
}

/**
 * No copy of the table is whole yet, so only the backup's entries can have been written: head zero, tail a mixture
 * of zeros and what we would write, and nothing anywhere else.
 */
function isTakingPrefix(note: Note, bytes: DiskBytes): boolean {
  if (bytes.dirtyAt !== 'none' || !isZero(bytes.head)) return false;
  const expected = new Uint8Array(bytes.tail.length);
  const tailStart = note.diskBytes - BigInt(bytes.tail.length);
  for (const region of encodeGpt(firstTable(note), note.diskBytes).slice(0, 2)) {
    expected.set(region.bytes, Number(region.offset - tailStart));
  }
  return sectors(bytes.tail, note.sectorBytes).every(
    (sector, at) => isZero(sector) || Buffer.compare(sector, sectorAt(expected, at, note.sectorBytes)) === 0,
  );
}

function sectors(bytes: Uint8Array, size: number): readonly Uint8Array[] {
  return Array.from({ length: bytes.length / size }, (_, at) => sectorAt(bytes, at, size));
}

function sectorAt(bytes: Uint8Array, at: number, size: number): Uint8Array {
  return bytes.subarray(at * size, (at + 1) * size);
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** Entries that a table of ours can still take. */
export function freeNumbers(table: Gpt): readonly number[] {
  const taken = new Set(table.entries.map((entry) => entry.number));
  return Array.from({ length: TABLE_ENTRIES - 1 }, (_, at) => at + 1).filter((number) => !taken.has(number));
}
