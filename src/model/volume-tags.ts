import { generationOf, type LogicalVolume } from './group.ts';
import type { Slice } from './slice.ts';
import { parseUuid, type Uuid } from './uuid.ts';

/** The state of a slice as tags of its logical volume. LVM commits all changes of one command together. */

export type Retag = { readonly drop: readonly string[]; readonly add: readonly string[] };

const PREFIX = 'isc.';
const KEYS = ['handle', 'pool', 'prepared', 'quarantine'] as const;
type Key = (typeof KEYS)[number];

const tag = (key: Key, value: string): string => `${PREFIX}${key}=${value}`;

export function carvedTags(handle: Uuid, pool: string): readonly string[] {
  return [tag('handle', handle), tag('pool', pool)];
}

export function preparedAs(type: 'mount' | 'block'): Retag {
  return { drop: [], add: [tag('prepared', type)] };
}

/** The commit point of DeleteVolume: a new random id, and no preparation. */
export function quarantinedAs({ tags }: LogicalVolume, randomId: Uuid): Retag {
  const isDropped = (one: string) => one.startsWith(tag('handle', '')) || one.startsWith(tag('prepared', ''));
  return { drop: tags.filter(isDropped), add: [tag('quarantine', randomId)] };
}

/** Undefined for what is not named as a slice or has tags of ours that we never write so: see isDisfigured(). */
export function sliceOf(volume: LogicalVolume): Slice | undefined {
  const generation = generationOf(volume);
  const values = valuesOf(volume.tags);
  if (generation === undefined || values === undefined) return undefined;
  const { handle, pool, prepared, quarantine } = values;
  const id = parseUuid(handle ?? quarantine ?? '');
  const inQuarantine = quarantine !== undefined;
  if (id === undefined || pool === undefined || (handle !== undefined && inQuarantine)) return undefined;
  if (prepared !== undefined && (inQuarantine || !['mount', 'block'].includes(prepared))) return undefined;
  return {
    state: inQuarantine ? 'quarantine' : prepared === undefined ? 'carved' : 'prepared',
    id,
    place: `logical volume ${volume.name}`,
    pool,
    generation,
    sizeBytes: volume.sizeBytes,
    block: prepared === 'block',
  };
}

/** Named as a slice, and not to be read as one: some other hand changed its tags. */
export function isDisfigured(volume: LogicalVolume): boolean {
  return generationOf(volume) !== undefined && sliceOf(volume) === undefined;
}

/** Undefined when one of our tags is unknown or there twice. */
function valuesOf(tags: readonly string[]): { readonly [K in Key]?: string } | undefined {
  const values: { [K in Key]?: string } = {};
  for (const one of tags.filter((text) => text.startsWith(PREFIX))) {
    const key = KEYS.find((known) => one.startsWith(tag(known, '')));
    if (key === undefined || values[key] !== undefined) return undefined;
    values[key] = one.slice(tag(key, '').length);
  }
  return values;
}
