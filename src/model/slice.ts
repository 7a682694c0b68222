import { ATTR_BLOCK, ATTR_PREPARED, type Gpt, type GptEntry, TYPE_QUARANTINE, TYPE_VOLUME } from './gpt.ts';
import type { Uuid } from './uuid.ts';

/** A volume's piece of a device, whatever carved it. */
export type Slice = {
  readonly state: 'carved' | 'prepared' | 'quarantine';
  /** The volume handle; random in quarantine. */
  readonly id: Uuid;
  /** Where on its device, in words: `partition 3`. No other slice of the device has the same. */
  readonly place: string;
  readonly pool: string;
  /** Tells two lives of one name apart: it is in the record too. */
  readonly generation: number;
  readonly sizeBytes: bigint;
  /** Prepared as a raw block volume. */
  readonly block: boolean;
};

/** All slices of a table; the owner partition and what is not ours to read are left out. */
export function slicesOf(table: Gpt): readonly Slice[] {
  return table.entries.filter(isSlice).map(sliceOf);
}

/** The entry of a slice; another one that bears the same PARTUUID is none. */
export function entryOfSlice(table: Gpt, id: Uuid): GptEntry | undefined {
  return table.entries.find((entry) => isSlice(entry) && entry.uuid === id);
}

function isSlice({ type }: GptEntry): boolean {
  return type === TYPE_VOLUME || type === TYPE_QUARANTINE;
}

function sliceOf(entry: GptEntry): Slice {
  const prepared = (entry.attributes & ATTR_PREPARED) !== 0n;
  const [pool] = entry.name.split(':');
  return {
    state: entry.type === TYPE_QUARANTINE ? 'quarantine' : prepared ? 'prepared' : 'carved',
    id: entry.uuid,
    place: `partition ${entry.number}`,
    pool: pool ?? '',
    generation: generationOf(entry),
    sizeBytes: entry.sizeBytes,
    block: (entry.attributes & ATTR_BLOCK) !== 0n,
  };
}

/** 0 when its label tells none. */
export function generationOf({ name }: GptEntry): number {
  const generation = name.split(':')[1] ?? '';
  return /^[0-9]{1,15}$/.test(generation) ? Number(generation) : 0;
}

/** The next generation: above all that the table knows. */
export function nextGeneration(table: Gpt): number {
  return Math.max(0, ...slicesOf(table).map(({ generation }) => generation)) + 1;
}

export function sliceLabel(pool: string, generation: number): string {
  return `${pool}:${generation}`;
}

/** The table with one entry changed; an entry that is not there is a bug of the caller. */
export function withEntry(table: Gpt, number: number, change: (entry: GptEntry) => GptEntry): Gpt {
  return {
    ...table,
    entries: table.entries.map((entry) => (entry.number === number ? change(entry) : entry)),
  };
}

export function withAddedEntry(table: Gpt, entry: GptEntry): Gpt {
  return { ...table, entries: [...table.entries, entry].sort((a, b) => a.number - b.number) };
}

export function withoutEntry(table: Gpt, number: number): Gpt {
  return { ...table, entries: table.entries.filter((entry) => entry.number !== number) };
}

/** One table write, and the commit point of DeleteVolume: type, a new random PARTUUID, no bits. */
export function quarantined(table: Gpt, number: number, randomId: Uuid): Gpt {
  return withEntry(table, number, (entry) => ({
    ...entry,
    type: TYPE_QUARANTINE,
    uuid: randomId,
    attributes: 0n,
  }));
}

export function preparedAs(table: Gpt, number: number, type: 'mount' | 'block'): Gpt {
  const bits = type === 'block' ? ATTR_PREPARED | ATTR_BLOCK : ATTR_PREPARED;
  return withEntry(table, number, (entry) => ({ ...entry, attributes: entry.attributes | bits }));
}
