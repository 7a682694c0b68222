import { crc32 } from 'node:zlib';
import { guidFromBytes, guidToBytes, type Uuid, uuid } from './uuid.ts';

/**
 * GUID partition tables as bytes (UEFI specification 2.10, chapter 5). Reading tells which copy is whole; encoding
 * serves comparison and tests only: sfdisk is what writes.
 */

export const TYPE_OWNER = uuid('0e3b39c1-2084-47fa-a09c-553e1b1dbbc3');
export const TYPE_VOLUME = uuid('478626e7-634c-4af3-a531-30d16deffc79');
export const TYPE_QUARANTINE = uuid('73a1439c-53e5-4593-b5bf-673de5e677e3');
export const TYPE_MEMBER = uuid('62440746-3730-44bc-b23f-f4292c13740a');

/** Attribute bits: the slice was prepared for its tenant; it was prepared as a raw block volume. */
export const ATTR_PREPARED = 1n << 48n;
export const ATTR_BLOCK = 1n << 49n;
/** Of a MEMBER: what it is a part of, array or volume group, was made and read back. */
export const ATTR_MADE = 1n << 48n;

/** The kernel makes nodes up to p255. */
export const TABLE_ENTRIES = 256;
const ENTRY_BYTES = 128;
const ARRAY_BYTES = TABLE_ENTRIES * ENTRY_BYTES;
const HEADER_BYTES = 92;

export type GptEntry = {
  readonly number: number;
  readonly type: Uuid;
  readonly uuid: Uuid;
  readonly startBytes: bigint;
  readonly sizeBytes: bigint;
  readonly attributes: bigint;
  readonly name: string;
};

export type Gpt = {
  readonly diskGuid: Uuid;
  readonly sectorBytes: number;
  readonly firstUsableBytes: bigint;
  /** First byte behind the last usable sector. */
  readonly usableEndBytes: bigint;
  readonly entries: readonly GptEntry[];
};

export type GptCopy =
  | { readonly is: 'whole'; readonly table: Gpt; readonly raw: Uint8Array }
  | { readonly is: 'none' }
  | { readonly is: 'torn'; readonly why: string };

export type GptCopies = {
  readonly protectiveMbr: boolean;
  readonly primary: GptCopy;
  readonly backup: GptCopy;
};

/** Both copies out of a disk's first and last bytes (64 KiB each are plenty for 256 entries and 4 KiB sectors). */
export function parseGpt(
  head: Uint8Array,
  tail: Uint8Array,
  sectorBytes: number,
  diskBytes: bigint,
): GptCopies {
  const lastLba = diskBytes / BigInt(sectorBytes) - 1n;
  return {
    protectiveMbr: head[510] === 0x55 && head[511] === 0xaa && head[450] === 0xee,
    primary: sensible(
      parseCopy(view(head, sectorBytes), (lba) => Number(lba) * sectorBytes, head, 1n, sectorBytes),
      diskBytes,
    ),
    backup: sensible(
      parseCopy(
        view(tail, tail.length - sectorBytes),
        (lba) => tail.length - Number(lastLba + 1n - lba) * sectorBytes,
        tail,
        lastLba,
        sectorBytes,
      ),
      diskBytes,
    ),
  };
}

/** A right checksum over ranges that cannot be: whoever computes with them would write over something else. */
function sensible(copy: GptCopy, diskBytes: bigint): GptCopy {
  const why = copy.is === 'whole' ? nonsenseIn(copy.table, diskBytes) : undefined;
  return why === undefined ? copy : { is: 'torn', why };
}

function nonsenseIn(table: Gpt, diskBytes: bigint): string | undefined {
  if (table.usableEndBytes > diskBytes) return 'table of a larger disk';
  let end = table.firstUsableBytes;
  for (const entry of table.entries.toSorted((a, b) => (a.startBytes < b.startBytes ? -1 : 1))) {
    if (entry.sizeBytes <= 0n) return `entry ${entry.number} ends before it begins`;
    if (entry.startBytes < end)
      return `entry ${entry.number} begins inside another or before the usable range`;
    end = entry.startBytes + entry.sizeBytes;
    if (end > table.usableEndBytes) return `entry ${entry.number} ends behind the usable range`;
  }
  return undefined;
}

/** The header at `offset`; shorter when the bytes do not reach that far. */
function view(bytes: Uint8Array, offset: number): DataView {
  const header = offset < 0 ? bytes.subarray(0, 0) : bytes.subarray(offset, offset + HEADER_BYTES);
  return new DataView(header.buffer, header.byteOffset, header.length);
}

function parseCopy(
  header: DataView,
  offsetOf: (lba: bigint) => number,
  bytes: Uint8Array,
  ownLba: bigint,
  sectorBytes: number,
): GptCopy {
  if (header.byteLength < HEADER_BYTES) return { is: 'none' };
  const raw = new Uint8Array(header.buffer, header.byteOffset, HEADER_BYTES);
  if (Buffer.from(raw.subarray(0, 8)).toString('latin1') !== 'EFI PART') return { is: 'none' };
  if (header.getUint32(12, true) !== HEADER_BYTES) return { is: 'torn', why: 'header of an unknown size' };
  if (header.getUint32(16, true) !== headerCrc(raw))
    return { is: 'torn', why: 'header checksum does not match' };
  if (header.getBigUint64(24, true) !== ownLba) return { is: 'torn', why: 'header is not where it says' };
  const count = header.getUint32(80, true);
  if (header.getUint32(84, true) !== ENTRY_BYTES || count > TABLE_ENTRIES) {
    return { is: 'torn', why: `table of ${count} entries is not one that the driver writes` };
  }
  const at = offsetOf(header.getBigUint64(72, true));
  const array = bytes.subarray(at, at + count * ENTRY_BYTES);
  if (at < 0 || array.length !== count * ENTRY_BYTES)
    return { is: 'torn', why: 'entries lie outside what was read' };
  if (header.getUint32(88, true) !== crc32(array))
    return { is: 'torn', why: 'checksum of the entries does not match' };
  return { is: 'whole', table: tableOf(header, raw, array, sectorBytes), raw: array };
}

function headerCrc(raw: Uint8Array): number {
  const copy = Uint8Array.from(raw);
  copy.fill(0, 16, 20);
  return crc32(copy);
}

function tableOf(header: DataView, raw: Uint8Array, array: Uint8Array, sectorBytes: number): Gpt {
  const sector = BigInt(sectorBytes);
  return {
    diskGuid: guidFromBytes(raw.subarray(56, 72)),
    sectorBytes,
    firstUsableBytes: header.getBigUint64(40, true) * sector,
    usableEndBytes: (header.getBigUint64(48, true) + 1n) * sector,
    entries: parseEntries(array, sector),
  };
}

function parseEntries(array: Uint8Array, sector: bigint): readonly GptEntry[] {
  const entries: GptEntry[] = [];
  for (let at = 0; at < array.length; at += ENTRY_BYTES) {
    const bytes = array.subarray(at, at + ENTRY_BYTES);
    if (bytes.subarray(0, 16).every((byte) => byte === 0)) continue;
    const entry = new DataView(bytes.buffer, bytes.byteOffset, ENTRY_BYTES);
    const start = entry.getBigUint64(32, true);
    entries.push({
      number: at / ENTRY_BYTES + 1,
      type: guidFromBytes(bytes.subarray(0, 16)),
      uuid: guidFromBytes(bytes.subarray(16, 32)),
      startBytes: start * sector,
      sizeBytes: (entry.getBigUint64(40, true) - start + 1n) * sector,
      attributes: entry.getBigUint64(48, true),
      name: Buffer.from(bytes.subarray(56, 128)).toString('utf16le').replace(/\0.*$/s, ''),
    });
  }
  return entries;
}

/** Where 256 entries of a disk may lie: behind the first MiB, before the backup copy. */
export function usableRange(
  diskBytes: bigint,
  sectorBytes: number,
): { readonly start: bigint; readonly end: bigint } {
  const sector = BigInt(sectorBytes);
  const lastUsableEnd = (diskBytes / sector - 1n) * sector - BigInt(ARRAY_BYTES);
  return { start: 1024n ** 2n, end: lastUsableEnd };
}

/** The five regions in the order in which sfdisk writes and flushes them. */
export type GptRegion = { readonly what: string; readonly offset: bigint; readonly bytes: Uint8Array };

export function encodeGpt(table: Gpt, diskBytes: bigint): readonly GptRegion[] {
  const sector = BigInt(table.sectorBytes);
  const lastLba = diskBytes / sector - 1n;
  const array = encodeEntries(table, sector);
  const arrayLbas = BigInt(ARRAY_BYTES) / sector;
  const backupArrayLba = lastLba - arrayLbas;
  const header = (own: bigint, other: bigint, arrayLba: bigint) =>
    encodeHeader(table, array, own, other, arrayLba);
  return [
    { what: 'backup entries', offset: backupArrayLba * sector, bytes: array },
    { what: 'backup header', offset: lastLba * sector, bytes: header(lastLba, 1n, backupArrayLba) },
    { what: 'primary entries', offset: 2n * sector, bytes: array },
    { what: 'primary header', offset: sector, bytes: header(1n, lastLba, 2n) },
    { what: 'protective MBR', offset: 0n, bytes: encodeProtectiveMbr(lastLba) },
  ];
}

function encodeEntries(table: Gpt, sector: bigint): Uint8Array {
  const array = new Uint8Array(ARRAY_BYTES);
  for (const entry of table.entries) {
    const at = (entry.number - 1) * ENTRY_BYTES;
    const to = new DataView(array.buffer, at, ENTRY_BYTES);
    array.set(guidToBytes(entry.type), at);
    array.set(guidToBytes(entry.uuid), at + 16);
    to.setBigUint64(32, entry.startBytes / sector, true);
    to.setBigUint64(40, (entry.startBytes + entry.sizeBytes) / sector - 1n, true);
    to.setBigUint64(48, entry.attributes, true);
    array.set(Buffer.from(entry.name, 'utf16le').subarray(0, 72), at + 56);
  }
  return array;
}

function encodeHeader(
  table: Gpt,
  array: Uint8Array,
  own: bigint,
  other: bigint,
  arrayLba: bigint,
): Uint8Array {
  const bytes = new Uint8Array(table.sectorBytes);
  const sector = BigInt(table.sectorBytes);
  const header = new DataView(bytes.buffer);
  bytes.set(Buffer.from('EFI PART', 'latin1'));
  header.setUint32(8, 0x00010000, true);
  header.setUint32(12, HEADER_BYTES, true);
  header.setBigUint64(24, own, true);
  header.setBigUint64(32, other, true);
  header.setBigUint64(40, table.firstUsableBytes / sector, true);
  header.setBigUint64(48, table.usableEndBytes / sector - 1n, true);
  bytes.set(guidToBytes(table.diskGuid), 56);
  header.setBigUint64(72, arrayLba, true);
  header.setUint32(80, TABLE_ENTRIES, true);
  header.setUint32(84, ENTRY_BYTES, true);
  header.setUint32(88, crc32(array), true);
  header.setUint32(16, headerCrc(bytes.subarray(0, HEADER_BYTES)), true);
  return bytes;
}

function encodeProtectiveMbr(lastLba: bigint): Uint8Array {
  const bytes = new Uint8Array(512);
  const size = lastLba > 0xffffffffn ? 0xffffffffn : lastLba;
  bytes.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446);
  const mbr = new DataView(bytes.buffer);
  mbr.setUint32(454, 1, true);
  mbr.setUint32(458, Number(size), true);
  bytes.set([0x55, 0xaa], 510);
  return bytes;
}
