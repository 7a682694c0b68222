import { RAID_LEVELS, type RaidLevel } from './pool.ts';
import { parseUuid, type Uuid } from './uuid.ts';
import type { Access, AccessMode, Claim } from './volume.ts';
import { ACCESS_MODES, FS_TYPES } from './volume.ts';

/**
 * What was asked for, kept in the state directory: disks say what exists and how far it got, the record says what
 * was meant. `planned`: CreateVolume has not answered. `committed`: it has (or is about to). `deleted`: DeleteVolume
 * answered while the disk was away; the slice is quarantined should the disk return.
 */
export type VolumeRecord = {
  readonly formatVersion: 1;
  readonly state: 'planned' | 'committed' | 'deleted';
  readonly handle: Uuid;
  readonly name: string;
  readonly pool: string;
  readonly requiredBytes: bigint | undefined;
  readonly limitBytes: bigint | undefined;
  readonly capabilities: readonly { readonly access: Access; readonly mode: AccessMode }[];
  readonly mkfsOptions: readonly string[];
  /** The device that bears the slice, and the slice's own generation on it. */
  readonly mark: Uuid;
  readonly generation: number;
  readonly sizeBytes: bigint;
  /** Identity and slot of the disk, to tell away from replaced from wiped later. */
  readonly disk: string;
  readonly slot: string;
  /** The disks of an array, for the same; undefined for a volume on a single disk. */
  readonly array: RecordedArray | undefined;
  readonly createdAt: string;
  /** Undefined in records of older drivers, and where nobody told. */
  readonly claim: Claim | undefined;
};

export type RecordedArray = {
  readonly level: RaidLevel;
  readonly members: readonly { readonly disk: string; readonly slot: string }[];
};

export function encodeRecord(record: VolumeRecord): string {
  const text = (_key: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);
  return `${JSON.stringify(record, text, 2)}\n`;
}

/** Undefined for anything that is not wholly a record: it is kept aside, never dropped. */
export function decodeRecord(text: string): VolumeRecord | undefined {
  let raw: Raw;
  try {
    raw = JSON.parse(text) as Raw;
  } catch {
    return undefined;
  }
  return typeof raw === 'object' && raw !== null && raw.formatVersion === 1 ? fromRaw(raw) : undefined;
}

type Raw = Readonly<Record<string, unknown>>;

function fromRaw(raw: Raw): VolumeRecord | undefined {
  const state = raw.state;
  const handle = parseUuid(textOf(raw, 'handle') ?? '');
  const mark = parseUuid(textOf(raw, 'mark') ?? '');
  const capabilities = capabilitiesOf(raw.capabilities);
  const sizeBytes = bytesOf(raw, 'sizeBytes');
  const [name, pool, disk, slot, createdAt] = ['name', 'pool', 'disk', 'slot', 'createdAt'].map((key) =>
    textOf(raw, key),
  );
  if (state !== 'planned' && state !== 'committed' && state !== 'deleted') return undefined;
  if (handle === undefined || mark === undefined || capabilities === undefined || sizeBytes === undefined)
    return undefined;
  if (name === undefined || pool === undefined || disk === undefined || slot === undefined) return undefined;
  if (createdAt === undefined || !isGeneration(raw.generation) || !isTexts(raw.mkfsOptions)) return undefined;
  if (isMalformed(raw, 'requiredBytes') || isMalformed(raw, 'limitBytes')) return undefined;
  const claim = claimOf(raw.claim as Raw | undefined);
  if (raw.claim !== undefined && claim === undefined) return undefined;
  const array = arrayOf(raw.array as Raw | undefined);
  if (raw.array !== undefined && array === undefined) return undefined;
  return {
    formatVersion: 1,
    state,
    handle,
    name,
    pool,
    requiredBytes: bytesOf(raw, 'requiredBytes'),
    limitBytes: bytesOf(raw, 'limitBytes'),
    capabilities,
    mkfsOptions: raw.mkfsOptions,
    mark,
    generation: raw.generation,
    sizeBytes,
    disk,
    slot,
    array,
    createdAt,
    claim,
  };
}

function claimOf(raw: Raw | undefined): Claim | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const [namespace, name, volume] = ['namespace', 'name', 'volume'].map((key) => textOf(raw, key));
  const isWhole = namespace !== undefined && name !== undefined && volume !== undefined;
  return isWhole ? { namespace, name, volume } : undefined;
}

function arrayOf(raw: Raw | undefined): RecordedArray | undefined {
  if (typeof raw !== 'object' || raw === null || !Array.isArray(raw.members)) return undefined;
  const level = RAID_LEVELS.find((known) => known === raw.level);
  const members = raw.members.map((one: Raw) => memberOf(one));
  return level !== undefined && members.every((one) => one !== undefined) ? { level, members } : undefined;
}

function memberOf(raw: Raw | null): RecordedArray['members'][number] | undefined {
  const [disk, slot] = ['disk', 'slot'].map((key) => (raw === null ? undefined : textOf(raw, key)));
  return disk === undefined || slot === undefined ? undefined : { disk, slot };
}

function textOf(raw: Raw, key: string): string | undefined {
  const value = raw[key];
  return typeof value === 'string' ? value : undefined;
}

function bytesOf(raw: Raw, key: string): bigint | undefined {
  const value = raw[key];
  return typeof value === 'string' && /^[0-9]{1,20}$/.test(value) ? BigInt(value) : undefined;
}

/** There, and no size; a size that is not there was not asked for. */
function isMalformed(raw: Raw, key: string): boolean {
  return raw[key] !== undefined && bytesOf(raw, key) === undefined;
}

function isGeneration(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function capabilitiesOf(value: unknown): VolumeRecord['capabilities'] | undefined {
  if (!Array.isArray(value)) return undefined;
  const decoded = value.map((one: Raw) => capabilityOf(one));
  return decoded.every((one) => one !== undefined) ? decoded : undefined;
}

function capabilityOf(raw: Raw): VolumeRecord['capabilities'][number] | undefined {
  const mode = ACCESS_MODES.find((known) => known === raw?.mode);
  const access = raw?.access as Raw | undefined;
  if (mode === undefined || typeof access !== 'object' || access === null) return undefined;
  if (access.type === 'block') return { mode, access: { type: 'block' } };
  const fsType = FS_TYPES.find((known) => known === access.fsType);
  if (access.type !== 'mount' || fsType === undefined || !isTexts(access.mountFlags)) return undefined;
  return { mode, access: { type: 'mount', fsType, mountFlags: access.mountFlags } };
}
