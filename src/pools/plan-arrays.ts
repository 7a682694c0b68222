import { arrayIdentity, gatherDisks, isMirrored, roomForMember } from '../model/array.ts';
import type { KernelPartition } from '../model/disk.ts';
import { isMade } from '../model/mark.ts';
import type { Pool, Raid } from '../model/pool.ts';
import type { ArrayStep } from '../model/step.ts';
import { type ArrayView, type Member, viewArrays } from './arrays.ts';
import type { Look, Looked } from './look.ts';

/** What a look asks for with arrays. Pure: `plan` prints it, the driver runs it. */

export type ArrayPlan = {
  readonly arrays: readonly ArrayView[];
  /** The next step of each array; what follows, the look behind it tells. */
  readonly steps: readonly ArrayStep[];
  /** Blank disks that no array is made of now, and why. */
  readonly left: readonly LeftDisk[];
};

type LeftDisk = { readonly looked: Looked; readonly why: string };

/** @param isSettled whether nothing has come to a pool for so long that nothing more is waited for */
export function planArrays(
  look: Look,
  pools: readonly Pool[],
  isSettled: (pool: string) => boolean,
): ArrayPlan {
  const arrays = viewArrays(look, isSettled);
  const free = new Set(look.disks.filter((looked) => isFree(looked, arrays)));
  const repairs = arrays.flatMap((array) => planArray(array, free, isSettled(array.note.pool)));
  const unclaimed = [...free].filter((looked) => !isClaimed(looked, arrays));
  const fresh = pools.map((pool) => gather(pool, unclaimed, look, isSettled(pool.name)));
  return {
    arrays,
    steps: [...repairs, ...fresh.flatMap(({ steps }) => steps)],
    left: fresh.flatMap(({ left }) => left),
  };
}

/** Blank, for a pool that makes arrays, and not named by one that is still to be made. */
function isFree({ disk, verdict }: Looked, arrays: readonly ArrayView[]): boolean {
  if (verdict.is !== 'blank' || verdict.resume !== undefined || verdict.pool.array === 'none') return false;
  return !arrays.some(({ isMade: made, note }) => !made && note.members.includes(disk.identity ?? ''));
}

/** Came back blank, and is rebuilt into its mirror when nothing new came for long enough. */
function isClaimed({ disk }: Looked, arrays: readonly ArrayView[]): boolean {
  return arrays.some(({ note }) => isMirrored(note.array) && note.members.includes(disk.identity ?? ''));
}

/** A disk that replaces a member is no longer `free`. */
function planArray(array: ArrayView, free: Set<Looked>, isSettled: boolean): readonly ArrayStep[] {
  const { uuid, decided, members, note } = array;
  const because = decided.label;
  switch (decided.decision) {
    case 'take':
      return [takeMembers(array, because)];
    case 'make':
      return [{ kind: 'makeArray', because, array: uuid, level: note.array, disks: pathsOf(members) }];
    case 'assemble': {
      const here = members.filter(({ state }) => state === 'in');
      const without = members.filter(({ state }) => state !== 'in').map(({ identity }) => identity);
      return [{ kind: 'assembleArray', because, array: uuid, disks: pathsOf(here), without }];
    }
    case 'stop':
      return [{ kind: 'stopArray', because, array: uuid, disk: pathOf(array), mappings: mappingsOf(array) }];
    case 'mark':
      return [{ kind: 'markArray', because, array: uuid, disk: pathOf(array) }];
    case 'serve':
      return planServed(array, free, isSettled);
    case 'wait':
    case 'lost':
    case 'refuse':
      return [];
  }
}

function planServed(array: ArrayView, free: Set<Looked>, isSettled: boolean): readonly ArrayStep[] {
  const { uuid, note, members, decided } = array;
  if (members.some((member) => isUnmarked(array, member)))
    return [{ kind: 'markArray', because: decided.label, array: uuid, disk: pathOf(array) }];
  return isMirrored(note.array) ? planMirror(array, free, isSettled) : [];
}

/** What is not in the list of an array that was made may be blank and yet nothing to take: it is waited for. */
function takeMembers({ uuid, note, members, isMade: made }: ArrayView, because: string): ArrayStep {
  const cut = members.filter(({ state }) => state === 'joining' || (state === 'blank' && !made));
  return {
    kind: 'takeMembers',
    because,
    disks: pathsOf(cut),
    pool: note.pool,
    level: note.array,
    array: uuid,
  };
}

/** A part of the array that does not bear the note of it: killed in between. */
function isUnmarked(array: ArrayView, { looked, state, part }: Member): boolean {
  if (looked?.verdict.is !== 'member' || isMade(looked.verdict.mark.table)) return false;
  return state === 'in' || (state === 'new' && isPart(array, part));
}

/** One thing at a time: out with what is gone, in with what came back, and only then with another disk. */
function planMirror(array: ArrayView, free: Set<Looked>, isSettled: boolean): readonly ArrayStep[] {
  const { uuid, members } = array;
  const md = pathOf(array);
  const gone = goneParts(array)[0];
  if (gone !== undefined)
    return [{ kind: 'dropMember', because: 'it is gone', array: uuid, disk: md, part: gone }];
  if (members.some(({ state }) => state === 'joining')) return [takeMembers(array, 'a taking was cut short')];
  const back = members.find((member) => isOut(array, member));
  if (back?.part !== undefined)
    return [{ kind: 'addMember', because: 'it is not a part', array: uuid, disk: md, part: back.part.path }];
  return isSettled ? planReplacement(array, free) : [];
}

function planReplacement(array: ArrayView, free: Set<Looked>): readonly ArrayStep[] {
  const missing = array.members.filter((member) => isMissing(array, member));
  for (const { identity: instead } of missing) {
    const spare = spareFor(array, instead, [...free]);
    if (spare === undefined) continue;
    free.delete(spare);
    const { path } = spare.disk;
    return [{ kind: 'replaceMember', because: 'it is missing', array: array.uuid, disk: path, instead }];
  }
  return [];
}

/** The kernel's names of what it still counts as parts: of disks that are gone, and of failed ones that were replaced. */
function goneParts({ seen, members }: ArrayView): readonly string[] {
  if (seen === undefined) return [];
  const replaced = seen.md.failed.filter((name) => !members.some(({ part }) => part?.name === name));
  return [...new Set([...seen.gone, ...replaced])];
}

/** Here, and the kernel does not have it in the array. What ran alone has bytes that a rebuild would destroy. */
function isOut(array: ArrayView, { state, part }: Member): boolean {
  const isToJoin = state === 'new' || (state === 'in' && !array.isApart);
  return isToJoin && part !== undefined && !isPart(array, part);
}

function isPart({ seen }: ArrayView, part: KernelPartition | undefined): boolean {
  return seen !== undefined && part?.holders.includes(seen.md.name) === true;
}

/** Whether a member gives the array nothing: it is away, came back blank, cannot be read, or has failed. */
export function isMissing(array: ArrayView, { state, part }: Member): boolean {
  return (
    state === 'away' ||
    state === 'blank' ||
    (state === 'unread' && !isPart(array, part)) ||
    (part !== undefined && array.seen?.md.failed.includes(part.name) === true)
  );
}

/** The member itself, if it came back blank; else the smallest that is large enough, and no other member. */
function spareFor(
  { note, members }: ArrayView,
  identity: string,
  free: readonly Looked[],
): Looked | undefined {
  const sectorBytes = members.find(({ looked }) => looked !== undefined)?.looked?.disk.logicalBlockBytes;
  const fitting = free.filter(
    ({ disk, verdict }) =>
      verdict.is === 'blank' &&
      verdict.pool.name === note.pool &&
      (disk.identity === identity || !note.members.includes(disk.identity ?? '')) &&
      disk.logicalBlockBytes === sectorBytes &&
      roomForMember(disk, note.chunkBytes) >= note.memberBytes,
  );
  const itself = fitting.find(({ disk }) => disk.identity === identity);
  return itself ?? fitting.toSorted((a, b) => (a.disk.sizeBytes < b.disk.sizeBytes ? -1 : 1))[0];
}

type Gathered = Pick<ArrayPlan, 'steps' | 'left'>;

/** New arrays of a pool; while a disk of it is still to be erased, another one is coming. */
function gather(pool: Pool, free: readonly Looked[], look: Look, isSettled: boolean): Gathered {
  const { array: raid } = pool;
  if (raid === 'none') return { steps: [], left: [] };
  const own = free.filter(({ verdict }) => verdict.is === 'blank' && verdict.pool.name === pool.name);
  const isComing = look.disks.some(
    ({ verdict }) => verdict.is === 'erasable' && verdict.pool.name === pool.name,
  );
  const { groups, left } = gatherDisks(
    raid,
    own.map(({ disk }) => disk),
    isSettled && !isComing,
  );
  const steps = groups.map(
    (disks): ArrayStep => ({
      kind: 'takeMembers',
      because: raid.count === undefined ? `blank, and nothing new for ${raid.settleMs / 1000} s` : 'blank',
      disks: disks.map(({ path }) => path),
      pool: pool.name,
      level: raid.level,
      array: undefined,
    }),
  );
  const why = waitInWords(raid);
  return { steps, left: own.filter(({ disk }) => left.includes(disk)).map((looked) => ({ looked, why })) };
}

function waitInWords({ level, count, settleMs }: Raid): string {
  return count === undefined
    ? `waits until nothing new came for ${settleMs / 1000} s, and for another disk if it is alone`
    : `waits until there are ${count} for a ${level}`;
}

function pathsOf(members: readonly Member[]): readonly string[] {
  return members.flatMap(({ looked }) => (looked === undefined ? [] : [looked.disk.path]));
}

function mappingsOf({ seen }: ArrayView): readonly string[] {
  return seen?.mappings.map(({ path }) => path) ?? [];
}

/** As the kernel calls it now. */
function pathOf({ seen, uuid }: ArrayView): string {
  return seen === undefined ? arrayIdentity(uuid) : `/dev/${seen.md.name}`;
}
