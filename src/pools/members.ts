import { randomUUID } from 'node:crypto';
import { whileHeld } from '../host/exclusive.ts';
import { memberBytesOf } from '../model/array.ts';
import type { Disk } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import type { Verdict } from '../model/judge.ts';
import { isMade, type MemberMark, withMade } from '../model/mark.ts';
import type { MemberNote } from '../model/note.ts';
import type { Pool, Raid, Self } from '../model/pool.ts';
import { uuid } from '../model/uuid.ts';
import type { PoolsContext } from './context.ts';
import { judgeAnew, type Looked } from './look.ts';
import { replaceTable } from './table.ts';
import { changed, type Taking, writeFirstTable, writeNote } from './take.ts';

/** What all members of an array have in common in their notes. */
export type Membership = Omit<
  MemberNote,
  'mark' | 'ownerPartition' | 'disk' | 'diskBytes' | 'sectorBytes' | 'takenAt'
>;

/** Of an array that is to be made of these disks, which have their places in this order. */
export function newMembership(disks: readonly Disk[], pool: Pool, raid: Raid, self: Self): Membership {
  return {
    formatVersion: 2,
    ...self,
    pool: pool.name,
    array: raid.level,
    carving: pool.carving,
    members: disks.map(({ identity }) => identity ?? ''),
    chunkBytes: raid.chunkBytes,
    memberBytes: memberBytesOf(disks, raid.chunkBytes),
    role: 'member',
    arrayUuid: uuid(randomUUID()),
    revision: 1,
  };
}

/** Of the disk that takes a missing member's place. */
export function replacing(note: MemberNote, instead: string, disk: Disk): Membership {
  const members = note.members.map((identity) => (identity === instead ? (disk.identity ?? '') : identity));
  return { ...note, members, revision: note.revision + 1 };
}

/**
 * Puts marks on disks that are parts of one array, as takeDevice() does on one: first all are judged, then all are
 * noted, then all get their tables. Each note names them all, so that whatever a kill leaves is finished the same way.
 * @throws DriverError as takeDevice() does, and then nothing was written to a disk that is not as it was judged
 */
export function takeMembers(
  context: PoolsContext,
  disks: readonly Disk[],
  membership: Membership,
): Promise<readonly MemberMark[]> {
  const paths = disks.map(({ path }) => path);
  return whileHeld(context.exec, paths, async (expectHeld) => {
    const joining = [];
    for (const disk of disks) {
      const verdict = await judgeAnew(context, disk);
      joining.push({
        taking: { context, disk, expectHeld },
        noted: expectJoinable(disk, verdict, membership),
      });
    }
    const noted = [];
    for (const { taking, noted: note } of joining)
      noted.push({ taking, note: note ?? (await noteDown(taking, membership)) });
    const marks: MemberMark[] = [];
    for (const { taking, note } of noted) marks.push(await writeFirstTable(taking, note));
    return marks;
  });
}

/** @returns the note that the disk bears already */
function expectJoinable(
  disk: Disk,
  verdict: Verdict,
  { pool, arrayUuid }: Membership,
): MemberNote | undefined {
  if (verdict.is === 'blank' && verdict.resume === undefined && verdict.pool.name === pool) return undefined;
  if (verdict.is === 'joining' && verdict.note.arrayUuid === arrayUuid) return verdict.note;
  throw changed(disk, verdict);
}

async function noteDown(taking: Taking, membership: Membership): Promise<MemberNote> {
  const { disk } = taking;
  const note: MemberNote = {
    ...membership,
    mark: uuid(randomUUID()),
    ownerPartition: uuid(randomUUID()),
    disk: disk.identity ?? '',
    diskBytes: disk.sizeBytes,
    sectorBytes: disk.logicalBlockBytes,
    takenAt: new Date().toISOString(),
  };
  await writeNote(taking, note);
  return note;
}

/**
 * Notes on a member that its array was made: it is never made again. The caller knows that the array bears its mark.
 * @throws DriverError `inaccessible` (another disk is there now), `host-failed`, `unknown`
 */
export async function markMade({ exec }: PoolsContext, { disk, verdict }: Looked): Promise<void> {
  if (verdict.is !== 'member') throw new DriverError('bug', `${disk.path} is no member`);
  const { table } = verdict.mark;
  if (!isMade(table)) await replaceTable(exec, disk, table, withMade(table));
}
