import { randomUUID } from 'node:crypto';
import { removeMappingCommand } from '../host/dmsetup.ts';
import { freeMdPath } from '../host/md.ts';
import {
  addMemberCommand,
  assembleArrayCommand,
  createArrayCommand,
  dropMemberCommand,
  stopArrayCommand,
  zeroSuperblockCommand,
} from '../host/mdadm.ts';
import { arrayIdentity } from '../model/array.ts';
import type { Disk } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import { memberEntry } from '../model/mark.ts';
import type { ArrayNote } from '../model/note.ts';
import { uuid } from '../model/uuid.ts';
import type { ArrayView, Member } from './arrays.ts';
import type { PoolsContext } from './context.ts';
import { expectPartition } from './kernel.ts';
import { markMade } from './members.ts';
import { readUuid } from './see-arrays.ts';
import { expectOwnTable } from './table.ts';
import { takeDevice } from './take.ts';

/** What is done to an array as a whole. Each may be killed anywhere; the next look tells how far it came. */

/**
 * Makes the array of members that were taken for it. What an earlier making left is taken away first: an array that was
 * not marked as made never bore anything.
 * @throws DriverError `bug` when it was made
 */
export async function makeArray(
  { exec }: PoolsContext,
  { uuid: array, note, members, isMade }: ArrayView,
): Promise<void> {
  if (isMade) throw new DriverError('bug', `${arrayIdentity(array)} was made, and is never made again`);
  const parts = [];
  for (const member of members) parts.push(await expectPart(exec, member));
  for (const part of parts) await exec(zeroSuperblockCommand(part));
  const { array: level, chunkBytes } = note;
  await exec(
    createArrayCommand({ path: await freeMdPath(), uuid: array, level, chunkBytes, members: parts }),
  );
}

/**
 * Puts the mark on an array, which is judged like a disk, and then notes on its members that it was made. From the
 * first of these notes on it counts.
 */
export async function markArray(
  context: PoolsContext,
  { uuid: array, note, looked, members, seen }: ArrayView,
): Promise<void> {
  if (looked === undefined) throw new DriverError('bug', `${arrayIdentity(array)} does not run`);
  const { disk, verdict } = looked;
  if (verdict.is !== 'owned') await takeDevice(context, disk, note.pool, () => arrayNote(disk, note));
  for (const { looked: member, part } of members) {
    if (member !== undefined && part?.holders.includes(seen?.md.name ?? '')) await markMade(context, member);
  }
}

function arrayNote(
  disk: Disk,
  {
    driver,
    node,
    machine,
    pool,
    array,
    carving,
    members,
    chunkBytes,
    memberBytes,
    arrayUuid,
  }: ArrayView['note'],
): ArrayNote {
  return {
    formatVersion: 2,
    driver,
    node,
    machine,
    pool,
    mark: arrayUuid,
    ownerPartition: uuid(randomUUID()),
    disk: arrayIdentity(arrayUuid),
    diskBytes: disk.sizeBytes,
    sectorBytes: disk.logicalBlockBytes,
    array,
    carving,
    members,
    chunkBytes,
    memberBytes,
    role: 'array',
    takenAt: new Date().toISOString(),
    erased: undefined,
  };
}

/** Of the members that are here. */
export async function assembleArray(
  { exec }: PoolsContext,
  { uuid: array, members }: ArrayView,
): Promise<void> {
  const parts = [];
  for (const member of members) if (member.state === 'in') parts.push(await expectPart(exec, member));
  await exec(assembleArrayCommand(await freeMdPath(), array, parts));
}

/** With what the kernel shows of logical volumes on it, which nobody has open. */
export async function stopArray({ exec }: PoolsContext, array: ArrayView): Promise<void> {
  const path = await expectArray(exec, array);
  for (const { uuid } of array.seen?.mappings ?? []) await exec(removeMappingCommand(uuid));
  await exec(stopArrayCommand(path));
}

/** @param part path of the part of a member that is none of the array just now */
export async function addMember({ exec }: PoolsContext, array: ArrayView, part: string): Promise<void> {
  const member = array.members.find((one) => one.part?.path === part);
  if (member === undefined)
    throw new DriverError('bug', `${part} is no part of ${arrayIdentity(array.uuid)}`);
  await exec(addMemberCommand(await expectArray(exec, array), await expectPart(exec, member)));
}

export async function dropMember({ exec }: PoolsContext, array: ArrayView, part: string): Promise<void> {
  await exec(dropMemberCommand(await expectArray(exec, array), part));
}

/**
 * The path of the array, which the kernel may have given to another one since the look.
 * @throws DriverError `inaccessible`
 */
async function expectArray(exec: PoolsContext['exec'], { uuid: array, seen }: ArrayView): Promise<string> {
  if (seen === undefined) throw new DriverError('bug', `the kernel does not have ${arrayIdentity(array)}`);
  const path = `/dev/${seen.md.name}`;
  if ((await readUuid(exec, seen.md)) === array) return path;
  throw new DriverError('inaccessible', `${path} does not say any more that it is ${arrayIdentity(array)}`);
}

/**
 * The path of a member's part, to write to: the disk is the one that was looked at and bears its table, and the kernel
 * shows the part where the table has it.
 * @throws DriverError `inaccessible`, `host-failed`, `unknown`
 */
async function expectPart(exec: PoolsContext['exec'], { looked }: Member): Promise<string> {
  const mark = looked?.verdict.is === 'member' ? looked.verdict.mark : undefined;
  const entry = mark === undefined ? undefined : memberEntry(mark.table);
  if (looked === undefined || mark === undefined || entry === undefined)
    throw new DriverError('bug', 'a member without its mark');
  await expectOwnTable(exec, looked.disk, mark.table);
  return (await expectPartition(looked.disk, entry)).path;
}
