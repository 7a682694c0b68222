import { randomUUID } from 'node:crypto';
import { zeroCommand } from '../host/blkdiscard.ts';
import { readCommand, writeCommand } from '../host/dd.ts';
import { whileHeld } from '../host/exclusive.ts';
import { probeDisk } from '../host/probe.ts';
import { minOf } from '../model/bytes.ts';
import type { Disk } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import { foundInWords, type Verdict } from '../model/judge.ts';
import { type DeviceMark, firstTable, type OwnerMark, readMark } from '../model/mark.ts';
import {
  type DeviceNote,
  type DiskNote,
  encodeNote,
  formatVersionOf,
  NOTE_BYTES_MAX,
  NOTE_OFFSET,
  type Note,
} from '../model/note.ts';
import type { Pool, Self } from '../model/pool.ts';
import { uuid } from '../model/uuid.ts';
import type { PoolsContext } from './context.ts';
import { addPartition } from './kernel.ts';
import { judgeAnew } from './look.ts';
import { expectSameDisk, writeTable } from './table.ts';

/** Zeroing goes in pieces, so that each command is bounded and a swapped disk is noticed. */
const ERASE_PIECE_BYTES = 1024n ** 3n;

/** A disk that a child has exclusively while it is taken. */
export type Taking = { readonly context: PoolsContext; readonly disk: Disk; readonly expectHeld: () => void };

async function expectUndisturbed({ disk, expectHeld }: Taking): Promise<void> {
  expectHeld();
  await expectSameDisk(disk);
}

/**
 * Puts our mark on a device. It is judged once more first, with a fresh deep look: it must still be what the plan saw,
 * and from before that look until its table is written nobody else can have it.
 * Order: note, then table (law 1; design.md, "What is on a disk"); a kill in between is finished by the next taking.
 * @throws DriverError `inaccessible`, `unknown` (it is no longer as it was judged), `host-failed`
 */
export function takeDevice(
  context: PoolsContext,
  disk: Disk,
  pool: string,
  fresh: () => DeviceNote,
): Promise<DeviceMark> {
  return whileHeld(context.exec, [disk.path], async (expectHeld) => {
    const taking: Taking = { context, disk, expectHeld };
    const verdict = await judgeAnew(context, disk);
    if (verdict.is !== 'blank' || verdict.pool.name !== pool) throw changed(disk, verdict);
    const note = verdict.resume ?? fresh();
    if (verdict.resume === undefined) await writeNote(taking, note);
    return finishTaking(taking, note);
  });
}

export function takeDisk(context: PoolsContext, disk: Disk, pool: Pool): Promise<DeviceMark> {
  return takeDevice(context, disk, pool.name, () => newNote(disk, pool, context.self, undefined));
}

/**
 * Erases a disk that the configuration names together with the fingerprint of what is on it, and takes it. The note
 * goes first and tells what is being erased, so that a kill leaves a disk that explains itself.
 */
export function eraseAndTakeDisk(context: PoolsContext, disk: Disk, pool: Pool): Promise<DeviceMark> {
  return whileHeld(context.exec, [disk.path], async (expectHeld) => {
    const taking: Taking = { context, disk, expectHeld };
    const verdict = await judgeAnew(context, disk);
    if (verdict.is !== 'erasable' || verdict.pool.name !== pool.name) throw changed(disk, verdict);
    return finishTaking(taking, await eraseAround(taking, verdict, pool));
  });
}

/** The same of a disk that becomes a part of an array: at the end the note goes too, and the disk is blank. */
export function eraseDisk(context: PoolsContext, disk: Disk, pool: Pool): Promise<void> {
  return whileHeld(context.exec, [disk.path], async (expectHeld) => {
    const taking: Taking = { context, disk, expectHeld };
    const verdict = await judgeAnew(context, disk);
    const isErased = verdict.is === 'blank' && verdict.resume?.erased !== undefined;
    if (verdict.is !== 'erasable' && !isErased) throw changed(disk, verdict);
    if (verdict.is === 'erasable') await eraseAround(taking, verdict, pool);
    await zeroRange(taking, NOTE_OFFSET, NOTE_OFFSET + BigInt(NOTE_BYTES_MAX), disk.sizeBytes);
  });
}

/** @returns the note around which everything is zero now */
async function eraseAround(
  taking: Taking,
  { resume, fingerprint }: Extract<Verdict, { readonly is: 'erasable' }>,
  pool: Pool,
): Promise<DeviceNote> {
  const { context, disk } = taking;
  const note = resume ?? newNote(disk, pool, context.self, fingerprint);
  if (resume === undefined) await writeNote(taking, note);
  const noteBytes = BigInt(encodeNote(note).length);
  await zeroRange(taking, NOTE_OFFSET + noteBytes, disk.sizeBytes, noteBytes);
  await zeroRange(taking, 0n, NOTE_OFFSET, disk.sizeBytes - NOTE_OFFSET);
  return note;
}

export function changed(disk: Disk, verdict: Verdict): DriverError {
  return new DriverError(
    'unknown',
    `Cannot take ${disk.path}: it is no longer as it was judged, now ${foundInWords(verdict)}`,
  );
}

function newNote(disk: Disk, pool: Pool, self: Self, erased: string | undefined): DiskNote {
  const identity = disk.identity ?? '';
  return {
    formatVersion: formatVersionOf(pool),
    ...self,
    pool: pool.name,
    mark: uuid(randomUUID()),
    ownerPartition: uuid(randomUUID()),
    disk: identity,
    diskBytes: disk.sizeBytes,
    sectorBytes: disk.logicalBlockBytes,
    array: 'none',
    carving: pool.carving,
    members: [identity],
    takenAt: new Date().toISOString(),
    erased,
  };
}

export async function writeNote(taking: Taking, note: Note): Promise<void> {
  const { context, disk } = taking;
  const bytes = encodeNote(note);
  await expectUndisturbed(taking);
  await context.exec(writeCommand(disk.path, NOTE_OFFSET, bytes));
  const { stdout } = await context.exec(readCommand(disk.path, NOTE_OFFSET, bytes.length));
  if (Buffer.compare(stdout, bytes) !== 0) {
    throw new DriverError('host-failed', `The note of ${disk.path} reads back other than it was written`);
  }
}

/** A note that still permits an erasing is written anew first: a mark that is whole must not permit another one. */
async function finishTaking(taking: Taking, kept: DeviceNote): Promise<DeviceMark> {
  const note = { ...kept, erased: undefined };
  if (kept.erased !== undefined) await writeNote(taking, note);
  return writeFirstTable<DeviceNote>(taking, note);
}

export async function writeFirstTable<N extends Note>(taking: Taking, note: N): Promise<OwnerMark<N>> {
  const { context, disk } = taking;
  const table = firstTable(note);
  await expectUndisturbed(taking);
  await writeTable(context.exec, disk, table);
  const mark = await readOwnMark(context, disk);
  for (const entry of table.entries) await addPartition(context.exec, disk, entry);
  return { ...mark, note };
}

/** @throws DriverError `host-failed` when the disk does not read as ours */
async function readOwnMark(context: PoolsContext, disk: Disk): Promise<OwnerMark> {
  const content = await probeDisk(context.exec, disk, { sample: false, fingerprint: false, claim: false });
  if (content.is !== 'read') throw new DriverError('unknown', `Cannot read the mark of ${disk.path} back`);
  const reading = readMark(content.bytes, disk, context.self);
  if (reading.is === 'ours') return reading.mark;
  throw new DriverError('host-failed', `The mark of ${disk.path} reads back as ${reading.is}`);
}

/** `doneBefore`: how many bytes of the disk were erased before this range, for those who watch. */
async function zeroRange(taking: Taking, from: bigint, to: bigint, doneBefore: bigint): Promise<void> {
  const { context, disk } = taking;
  for (let at = from; at < to; at += ERASE_PIECE_BYTES) {
    await expectUndisturbed(taking);
    const lengthBytes = minOf(ERASE_PIECE_BYTES, to - at);
    await context.exec(zeroCommand(disk.path, { offsetBytes: at, lengthBytes }, { force: true }));
    context.notify({
      notice: 'erasing',
      disk: disk.path,
      doneBytes: doneBefore + at + lengthBytes - from,
      ofBytes: disk.sizeBytes,
    });
  }
}
