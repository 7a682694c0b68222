import type { Superblock } from '../host/mdadm.ts';
import { type UseFacts, usersOf } from '../host/usage.ts';
import { canRunWithout, isMirrored, ranApart } from '../model/array.ts';
import type { Disk, KernelPartition } from '../model/disk.ts';
import { isMade, MEMBER_NUMBER } from '../model/mark.ts';
import type { MemberNote } from '../model/note.ts';
import { type ArrayDecision, type ArrayFacts, reconcileArray } from '../model/reconcile-array.ts';
import type { Decided } from '../model/rows.ts';
import type { Uuid } from '../model/uuid.ts';
import type { Look, Looked } from './look.ts';
import { passingOf } from './passing.ts';
import type { SeenArray } from './see-arrays.ts';

/** The arrays of which a look has found members. Pure. */

export type ArrayView = {
  readonly uuid: Uuid;
  /** Of the latest member: it knows them all. */
  readonly note: MemberNote;
  /** In the order of the note's list. */
  readonly members: readonly Member[];
  /** Disks that were members once and were replaced. */
  readonly former: readonly Looked[];
  /** What the kernel has of it; undefined also when that is `strange`. */
  readonly seen: SeenArray | undefined;
  /** The array itself as a disk; undefined unless it runs. */
  readonly looked: Looked | undefined;
  readonly isMade: boolean;
  /** Members of it have run without each other. */
  readonly isApart: boolean;
  readonly decided: Decided<ArrayDecision>;
};

export type Member = {
  readonly identity: string;
  /** Undefined when it is away. */
  readonly looked: Looked | undefined;
  readonly state: MemberState;
  /** Its part as the kernel shows it. */
  readonly part: KernelPartition | undefined;
  /** Where it was asked for. */
  readonly superblock: Superblock | undefined;
};

/**
 * `in`: a part of the array, or about to be when that is made. `new`: taken, and not yet added to an array that was
 * made. `joining`: its taking has not come to its end. `blank`: named by the others, and blank. `unread`: here, and what
 * it bears cannot be told now. `away`: not here, or something else than its note says.
 */
type MemberState = 'in' | 'new' | 'joining' | 'blank' | 'unread' | 'away';

/** @param isSettled whether members of arrays of a pool are no longer waited for */
export function viewArrays(look: Look, isSettled: (pool: string) => boolean): readonly ArrayView[] {
  const notes = Map.groupBy(look.disks.flatMap(memberNoteOf), ({ arrayUuid }) => arrayUuid);
  return [...notes]
    .map(([uuid, of]) => viewArray(look, uuid, latestOf(of), isSettled))
    .toSorted((a, b) => (a.uuid < b.uuid ? -1 : 1));
}

/** Whether it is no array, or one that is served: it may run with its mark and lack a disk, or the notes of that. */
export function isServable({ disk }: Pick<Looked, 'disk'>, arrays: readonly ArrayView[]): boolean {
  if (disk.array === undefined) return true;
  return arrays.some(
    ({ looked, decided }) => looked?.disk.name === disk.name && decided.decision === 'serve',
  );
}

/** The disks that an array stands on; none for what is no array. */
export function memberDisks(disk: Disk, arrays: readonly ArrayView[]): readonly Disk[] {
  const view = arrays.find(({ looked }) => looked?.disk.name === disk.name);
  return view?.members.flatMap(({ looked }) => looked?.disk ?? []) ?? [];
}

function memberNoteOf({ verdict }: Looked): readonly MemberNote[] {
  if (verdict.is === 'member') return [verdict.mark.note];
  return verdict.is === 'joining' ? [verdict.note] : [];
}

/** Two of one revision were written where neither knew of the other: the one that was taken last. */
function latestOf(notes: readonly MemberNote[]): MemberNote {
  return notes.reduce((latest, note) => (isLater(note, latest) ? note : latest));
}

function isLater(one: MemberNote, other: MemberNote): boolean {
  if (one.revision !== other.revision) return one.revision > other.revision;
  return `${one.takenAt} ${one.mark}` > `${other.takenAt} ${other.mark}`;
}

function viewArray(
  look: Look,
  uuid: Uuid,
  note: MemberNote,
  isSettled: (pool: string) => boolean,
): ArrayView {
  const members = note.members.map((identity) => viewMember(look, uuid, identity));
  const former = look.disks.filter(
    (looked) =>
      memberNoteOf(looked).some(({ arrayUuid }) => arrayUuid === uuid) &&
      !note.members.includes(looked.disk.identity ?? ''),
  );
  const touching = look.arrays.filter(({ touches }) => touches.includes(uuid));
  const seen = touching.length === 1 ? touching.find((one) => one.uuid === uuid) : undefined;
  const looked = look.disks.find(({ disk }) => disk.array !== undefined && disk.name === seen?.md.name);
  // Who replaces a member is told in its note that there was an array.
  const made = note.revision > 1 || members.some(bearsMade);
  const isApart = ranApart(
    members.flatMap(({ state, superblock }) =>
      state === 'in' && superblock !== undefined ? [superblock.active] : [],
    ),
  );
  const facts: ArrayFacts = {
    made: made ? 'yes' : 'no',
    device:
      touching.length > 0 && (seen === undefined || former.some((one) => isPartOf(one, seen)))
        ? 'strange'
        : deviceFact(look.uses, note, seen, looked),
    members: isApart ? 'apart' : membersFact(note, members, made, isSettled(note.pool)),
    joining: members.some(({ state }) => state === 'joining' || state === 'blank') ? 'yes' : 'no',
  };
  return { uuid, note, members, former, seen, looked, isMade: made, isApart, decided: reconcileArray(facts) };
}

function viewMember({ disks, superblocks }: Look, uuid: Uuid, identity: string): Member {
  const looked = disks.find(({ disk }) => disk.identity === identity);
  const part = looked?.disk.partitions.find(({ number }) => number === MEMBER_NUMBER);
  const superblock = superblocks.get(identity);
  if (superblock === 'unread') return { identity, looked, state: 'unread', part, superblock: undefined };
  return { identity, looked, state: stateOf(looked, uuid), part, superblock };
}

function stateOf(looked: Looked | undefined, uuid: Uuid): MemberState {
  const verdict = looked?.verdict;
  switch (verdict?.is) {
    case 'member': {
      const { note, table } = verdict.mark;
      if (note.arrayUuid !== uuid) return 'away';
      // Only one that came later is not in an array that was made: the others were what it was made of.
      return note.revision === 1 || isMade(table) ? 'in' : 'new';
    }
    case 'joining':
      return verdict.note.arrayUuid === uuid ? 'joining' : 'away';
    case 'blank':
      return 'blank';
    default:
      return looked !== undefined && isUntold(looked) ? 'unread' : 'away';
  }
}

/** What another node has marked is not what the note names, whoever it belongs to. */
function isUntold(looked: Looked): boolean {
  const passing = passingOf(looked);
  return passing !== undefined && passing.reason !== "another node's mark";
}

function bearsMade({ looked, state }: Member): boolean {
  return state === 'in' && looked?.verdict.is === 'member' && isMade(looked.verdict.mark.table);
}

/** And works in it. */
function isPartOf({ disk }: Looked, { md }: SeenArray): boolean {
  return disk.partitions.some(({ name }) => md.parts.includes(name) && !md.failed.includes(name));
}

function deviceFact(
  uses: UseFacts,
  note: MemberNote,
  seen: SeenArray | undefined,
  looked: Looked | undefined,
): ArrayFacts['device'] {
  if (seen === undefined) return 'none';
  if (isDead(note, seen)) return isUsed(uses, seen, looked) ? 'stuck' : 'dead';
  switch (looked?.verdict.is) {
    case 'owned':
      return 'ours';
    case 'blank':
      return 'blank';
    default:
      return 'refused';
  }
}

const DEAD_STATES: ReadonlySet<string> = new Set(['clear', 'inactive', 'broken']);

/** The kernel learns that a raid0 is broken only when it reads what is gone. */
function isDead({ array }: MemberNote, { md, gone }: SeenArray): boolean {
  return DEAD_STATES.has(md.state) || (!isMirrored(array) && gone.length > 0);
}

/** A volume that the kernel shows is no use as long as nobody uses that. */
function isUsed(uses: UseFacts, { mappings }: SeenArray, looked: Looked | undefined): boolean {
  const isMapping = (holder: string) => mappings.some(({ name }) => name === holder);
  const devices = looked === undefined ? [] : [looked.disk, ...looked.disk.partitions];
  const besides = devices.map((device) => ({
    ...device,
    holders: device.holders.filter((holder) => !isMapping(holder)),
  }));
  return [...besides, ...mappings].some((device) => usersOf(device, uses).length > 0);
}

/**
 * Of an array that was not made yet all are needed; those count, too, whose taking is still to be finished. One that was
 * not rebuilt to its end is here, and gives the others nothing. What is merely not here yet, or cannot be read now, is
 * waited for before its volumes are called lost.
 */
function membersFact(
  { array, members: { length: count } }: MemberNote,
  members: readonly Member[],
  made: boolean,
  isSettled: boolean,
): ArrayFacts['members'] {
  const canRun = (isUseless: (member: Member) => boolean): boolean =>
    canRunWithout(
      array,
      count,
      members.flatMap((member, at) => (isUseless(member) ? [at] : [])),
    );
  const isOut = ({ state }: Member) => state !== 'in' && (made || NOT_HERE.has(state));
  const isPartial = ({ superblock }: Member) => superblock?.isPartial === true;
  if (canRun((member) => isOut(member) || isPartial(member))) {
    if (!members.some(isOut)) return 'all';
    return isSettled ? 'enough' : 'late';
  }
  const isGone = (member: Member) => isPartial(member) || (isOut(member) && !NOT_HERE.has(member.state));
  const isAway = (member: Member) => isGone(member) || member.state === 'away';
  return canRun(isSettled ? isAway : isGone) ? 'late' : 'few';
}

const NOT_HERE: ReadonlySet<MemberState> = new Set<MemberState>(['away', 'unread']);
