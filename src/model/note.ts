import { createHash } from 'node:crypto';
import { CARVINGS, type Carving, RAID_LEVELS, type RaidLevel } from './pool.ts';
import { parseUuid, type Uuid } from './uuid.ts';

/**
 * The note on partition 1: why this disk is ours, readable with `dd | head`. Text, then JSON, then a SHA-256 of
 * all before it. It is written before the table that makes it count.
 */
export type Note = DeviceNote | MemberNote;
/** Of what is carved. */
export type DeviceNote = DiskNote | ArrayNote;

/** Of a disk that is a device by itself. The format is version 1 where drivers that know no other can serve it. */
export type DiskNote = Common & Erasable & { readonly formatVersion: 1 | 2; readonly array: 'none' };

/** Of a disk that is a part of an array. */
export type MemberNote = Common &
  OfArray & {
    readonly role: 'member';
    /** The UUID in md's superblocks, and the mark of the array. */
    readonly arrayUuid: Uuid;
    /** 1 for those that the array was made of, one more for each replacement: the highest knows the members. */
    readonly revision: number;
  };

/** Of an array, which is found again by its mark under whatever name. */
export type ArrayNote = Common & Erasable & OfArray & { readonly role: 'array' };

type Erasable = {
  /** Fingerprint of what is being erased to take the disk, until the table is written: a cut erasing goes on. */
  readonly erased: string | undefined;
};

type OfArray = {
  readonly formatVersion: 2;
  readonly array: RaidLevel;
  /** 0 where nothing is striped. */
  readonly chunkBytes: bigint;
  /** Size of partition 2 of every member. */
  readonly memberBytes: bigint;
};

type Common = {
  readonly driver: string;
  readonly pool: string;
  readonly node: string;
  readonly machine: string;
  /** The id of this taking; also the GUID of the disk's table. */
  readonly mark: Uuid;
  /** PARTUUID of partition 1, so that a first table that was cut short can be told from somebody else's bytes. */
  readonly ownerPartition: Uuid;
  readonly disk: string;
  readonly diskBytes: bigint;
  readonly sectorBytes: number;
  readonly carving: Carving;
  /** Identities of all disks of the array, in the order of their places in it; a single disk: itself. */
  readonly members: readonly string[];
  readonly takenAt: string;
};

export const NOTE_VERSION = 2;
export const NOTE_OFFSET = 1024n ** 2n;
/** A note never needs more; one block is written at once. */
export const NOTE_BYTES_MAX = 8192;
const BLOCK = 4096;

const TITLE = 'instance-store-csi owner mark, format version ';

export function formatVersionOf({ carving }: Pick<DiskNote, 'carving'>): DiskNote['formatVersion'] {
  return carving === 'lvm' ? 2 : 1;
}

export function isMember(note: Note): note is MemberNote {
  return note.array !== 'none' && note.role === 'member';
}

export type NoteReading =
  | { readonly is: 'none' }
  | { readonly is: 'note'; readonly note: Note }
  | { readonly is: 'newer'; readonly version: number }
  | { readonly is: 'torn'; readonly why: string };

/** The bytes to write at NOTE_OFFSET: whole 4 KiB blocks, zero-padded. */
export function encodeNote(note: Note): Uint8Array {
  const text = [
    `${TITLE}${note.formatVersion}`,
    `This disk belongs to the CSI driver ${note.driver} on node ${note.node}, pool ${note.pool}.`,
    isMember(note)
      ? `It is one of ${note.members.length} disks of an array, ${note.array}. To see more: instance-store-csi status`
      : 'Kubernetes volumes live on it. To see which: instance-store-csi status',
    JSON.stringify(note, (_key, value) => (typeof value === 'bigint' ? value.toString() : value), 2),
    '',
  ].join('\n');
  const whole = Buffer.from(`${text}sha256 ${sha256(text)}\n`);
  if (whole.length > NOTE_BYTES_MAX)
    throw new RangeError(`note of ${whole.length} bytes; at most ${NOTE_BYTES_MAX}`);
  const padded = new Uint8Array(Math.ceil(whole.length / BLOCK) * BLOCK);
  padded.set(whole);
  return padded;
}

/** What stands at NOTE_OFFSET. A text that begins like ours and is not whole is `torn`, never `none`. */
export function decodeNote(bytes: Uint8Array): NoteReading {
  const end = bytes.indexOf(0);
  const text = Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString('utf8');
  if (!text.startsWith(TITLE)) return { is: 'none' };
  const version = Number(/^[0-9]{1,9}/.exec(text.slice(TITLE.length))?.[0] ?? Number.NaN);
  if (Number.isNaN(version)) return { is: 'torn', why: 'no format version' };
  if (version > NOTE_VERSION) return { is: 'newer', version };
  const parts = /^(.*\n)sha256 ([0-9a-f]{64})\n$/s.exec(text);
  if (parts?.[1] === undefined) return { is: 'torn', why: 'no checksum at its end' };
  if (sha256(parts[1]) !== parts[2]) return { is: 'torn', why: 'its checksum does not match' };
  return fromJson(parts[1].slice(parts[1].indexOf('\n{') + 1));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function fromJson(json: string): NoteReading {
  let raw: Raw;
  try {
    raw = JSON.parse(json) as Raw;
  } catch {
    return { is: 'torn', why: 'no JSON in it' };
  }
  const note = noteFrom(raw);
  return note === undefined
    ? { is: 'torn', why: 'fields are missing or of another type' }
    : { is: 'note', note };
}

type Raw = Readonly<Record<string, unknown>>;

function noteFrom(raw: Raw): Note | undefined {
  const common = commonFrom(raw);
  if (common === undefined) return undefined;
  const erased = textOf(raw, 'erased') || undefined;
  if (raw.array === 'none') {
    const formatVersion = formatVersionOf(common);
    return raw.formatVersion === formatVersion
      ? { formatVersion, ...common, array: 'none', erased }
      : undefined;
  }
  const ofArray = ofArrayFrom(raw);
  if (ofArray === undefined) return undefined;
  if (raw.role === 'array') return { ...common, ...ofArray, role: 'array', erased };
  const arrayUuid = uuidOf(raw, 'arrayUuid');
  const { revision } = raw;
  if (raw.role !== 'member' || arrayUuid === undefined) return undefined;
  if (typeof revision !== 'number' || !Number.isSafeInteger(revision)) return undefined;
  return { ...common, ...ofArray, role: 'member', arrayUuid, revision };
}

function commonFrom(raw: Raw): Common | undefined {
  const [mark, ownerPartition] = [uuidOf(raw, 'mark'), uuidOf(raw, 'ownerPartition')];
  const { members, sectorBytes } = raw;
  const carving = CARVINGS.find((known) => known === raw.carving);
  const diskBytes = bytesOf(raw, 'diskBytes');
  const needed = ['driver', 'pool', 'node', 'machine', 'disk', 'takenAt'].every(
    (key) => textOf(raw, key) !== '',
  );
  if (!needed || mark === undefined || ownerPartition === undefined) return undefined;
  if (carving === undefined || diskBytes === undefined || typeof sectorBytes !== 'number') return undefined;
  if (!Array.isArray(members) || !members.every((one): one is string => typeof one === 'string'))
    return undefined;
  return {
    driver: textOf(raw, 'driver'),
    pool: textOf(raw, 'pool'),
    node: textOf(raw, 'node'),
    machine: textOf(raw, 'machine'),
    mark,
    ownerPartition,
    disk: textOf(raw, 'disk'),
    diskBytes,
    sectorBytes,
    carving,
    members,
    takenAt: textOf(raw, 'takenAt'),
  };
}

function ofArrayFrom(raw: Raw): OfArray | undefined {
  const array = RAID_LEVELS.find((level) => level === raw.array);
  const [chunkBytes, memberBytes] = [bytesOf(raw, 'chunkBytes'), bytesOf(raw, 'memberBytes')];
  if (raw.formatVersion !== 2 || array === undefined) return undefined;
  if (chunkBytes === undefined || memberBytes === undefined) return undefined;
  return { formatVersion: 2, array, chunkBytes, memberBytes };
}

function textOf(raw: Raw, key: string): string {
  const value = raw[key];
  return typeof value === 'string' ? value : '';
}

function uuidOf(raw: Raw, key: string): Uuid | undefined {
  return parseUuid(textOf(raw, key));
}

function bytesOf(raw: Raw, key: string): bigint | undefined {
  const text = textOf(raw, key);
  return /^[0-9]+$/.test(text) ? BigInt(text) : undefined;
}
