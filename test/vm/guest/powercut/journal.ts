import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Made, Wanted } from '../../../player/player.ts';

/** What a life on the driver asked for and was answered, told to the host before and after each call. */

type Slot = { readonly slot: string };

export type Doing =
  | (Slot & { readonly what: 'create'; readonly wanted: Wanted })
  | (Slot & { readonly what: 'write'; readonly chunk: number })
  | (Slot & { readonly what: 'expand' | 'stage' | 'publish' | 'unpublish' | 'unstage' | 'delete' })
  | (Slot & { readonly what: 'release' | 'uncordon' });

export type Entry =
  | { readonly is: 'boot' }
  /** What the pool has when it is empty. */
  | { readonly is: 'empty'; readonly pool: string; readonly bytes: bigint }
  | { readonly is: 'begun'; readonly doing: Doing }
  | { readonly is: 'answered'; readonly doing: Doing; readonly made?: Made; readonly sizeBytes?: bigint };

/** A volume as the journal tells of it. */
export type Stand = {
  readonly wanted: Wanted;
  /** Undefined until CreateVolume was answered. */
  readonly made: Made | undefined;
  /** What it was last said to have. */
  readonly sizeBytes: bigint;
  /** Chunks that were begun; those that were answered after an fsync are true. */
  readonly chunks: ReadonlyMap<number, boolean>;
  readonly deleting: 'no' | 'begun' | 'answered';
};

export function append(file: string, entry: Entry): void {
  // The line before may have been cut in its midst.
  appendFileSync(
    file,
    `\n${JSON.stringify(entry, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))}`,
  );
}

export function readJournal(file: string): readonly Entry[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line): readonly Entry[] => {
      try {
        return [JSON.parse(line, revived) as Entry];
      } catch {
        return [];
      }
    });
}

function revived(_: string, value: unknown): unknown {
  return typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
}

/** The volume that a slot had last. */
export function standOf(journal: readonly Entry[], slot: string): Stand | undefined {
  let stand: Stand | undefined;
  for (const entry of journal)
    if ('doing' in entry && entry.doing.slot === slot) stand = after(stand, entry) ?? stand;
  return stand;
}

function after(
  stand: Stand | undefined,
  entry: Extract<Entry, { readonly doing: Doing }>,
): Stand | undefined {
  const { doing } = entry;
  const answered = entry.is === 'answered';
  if (doing.what === 'create' && stand?.wanted.name !== doing.wanted.name)
    return { wanted: doing.wanted, made: undefined, sizeBytes: 0n, chunks: new Map(), deleting: 'no' };
  if (stand === undefined) return undefined;
  switch (doing.what) {
    case 'create':
      return answered ? { ...stand, made: entry.made, sizeBytes: entry.made?.sizeBytes ?? 0n } : undefined;
    case 'write':
      return { ...stand, chunks: new Map([...stand.chunks, [doing.chunk, answered]]) };
    case 'expand':
      return answered ? { ...stand, sizeBytes: entry.sizeBytes ?? 0n } : undefined;
    case 'delete':
      return { ...stand, deleting: answered ? 'answered' : 'begun' };
    default:
      return undefined;
  }
}

/** What was under way in a slot at the end of a journal. */
export function underWay(journal: readonly Entry[], slot: string): Doing['what'] | undefined {
  const last = journal.findLast((entry) => 'doing' in entry && entry.doing.slot === slot);
  return last?.is === 'begun' ? last.doing.what : undefined;
}

/** What was answered last of these. */
export function lastAnswered(journal: readonly Entry[], slot: string): Doing['what'] | undefined {
  const last = journal.findLast((entry) => entry.is === 'answered' && entry.doing.slot === slot);
  return last?.is === 'answered' ? last.doing.what : undefined;
}
