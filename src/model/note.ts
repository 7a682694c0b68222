import { createHash } from 'node:crypto';
import type { ArrayLevel, Carving } from './pool.ts';
import { parseUuid, type Uuid } from './uuid.ts';

/**
 * The note on partition 1: why this disk is ours, readable with `dd | head`. Text, then JSON, then a SHA-256 of
 * all before it. It is written before the table that makes it count.
 */
export type Note = {
  readonly formatVersion: 1;
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
  readonly array: ArrayLevel;
  readonly carving: Carving;
  /** Identities of all disks of the array; a single disk: itself. */
  readonly members: readonly string[];
  readonly takenAt: string;
  /** Fingerprint of what is being erased to take the disk, until the table is written: a cut erasing goes on. */
  readonly erased: string | undefined;
};

const NOTE_VERSION = 1;
export const NOTE_OFFSET = 1024n ** 2n;
/** A note never needs more; one block is written at once. */
export const NOTE_BYTES_MAX = 8192;
const BLOCK = 4096;

const TITLE = 'instance-store-csi owner mark, format version ';

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
    'Kubernetes volumes live on it. To see which: instance-store-csi status',
    JSON.stringify({ ...note, diskBytes: note.diskBytes.toString() }, undefined, 2),
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
  let raw: Readonly<Record<string, unknown>>;
  try {
    raw = JSON.parse(json) as Readonly<Record<string, unknown>>;
  } catch {
    return { is: 'torn', why: 'no JSON in it' };
  }
  const note = noteFrom(raw);
  return note === undefined
    ? { is: 'torn', why: 'fields are missing or of another type' }
    : { is: 'note', note };
}

function noteFrom(raw: Readonly<Record<string, unknown>>): Note | undefined {
  const text = (key: string): string => (typeof raw[key] === 'string' ? raw[key] : '');
  const mark = parseUuid(text('mark'));
  const ownerPartition = parseUuid(text('ownerPartition'));
  const carving = text('carving');
  const members = raw.members;
  const needed = ['driver', 'pool', 'node', 'machine', 'disk', 'takenAt'].every((key) => text(key) !== '');
  if (!needed || mark === undefined || ownerPartition === undefined) return undefined;
  if (raw.array !== 'none' || (carving !== 'whole' && carving !== 'partition')) return undefined;
  if (!/^[0-9]+$/.test(text('diskBytes')) || typeof raw.sectorBytes !== 'number') return undefined;
  if (!Array.isArray(members) || !members.every((one): one is string => typeof one === 'string'))
    return undefined;
  return {
    formatVersion: 1,
    driver: text('driver'),
    pool: text('pool'),
    node: text('node'),
    machine: text('machine'),
    mark,
    ownerPartition,
    disk: text('disk'),
    diskBytes: BigInt(text('diskBytes')),
    sectorBytes: raw.sectorBytes,
    array: 'none',
    carving,
    members,
    takenAt: text('takenAt'),
    erased: text('erased') === '' ? undefined : text('erased'),
  };
}
