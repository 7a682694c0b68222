import { zeroCommand } from '../host/blkdiscard.ts';
import { flushCommand, readCommand } from '../host/dd.ts';
import { whileHeld } from '../host/exclusive.ts';
import type { Exec } from '../host/exec.ts';
import { readDisk } from '../host/sysfs.ts';
import { type WrittenNote, writtenNote } from '../model/cordon.ts';
import type { Disk } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import { foundInWords } from '../model/judge.ts';
import { type DiskNote, NOTE_BYTES_MAX, NOTE_OFFSET } from '../model/note.ts';
import { MARK_PLACE_BYTES, markPlaces } from '../model/release.ts';
import type { DriverContext, PoolsContext } from './context.ts';
import type { Device } from './device.ts';
import { dropPartition } from './kernel.ts';
import { judgeAnew } from './look.ts';
import { expectSameDisk } from './table.ts';

/**
 * Takes our mark off a disk that bears no slice, as its cordon says already, durably: the table first and the note last.
 * Cut short anywhere, the next look finds the rest of the mark and goes on. The disk stays cordoned, so that it is not
 * taken again for being blank.
 * @throws DriverError `in-use`, `inaccessible`, `unknown` (it is no longer as it was judged), `host-failed`
 */
export async function releaseDisk(context: DriverContext, disk: Disk, note: DiskNote): Promise<void> {
  const { exec, cordons, notify } = context;
  for (const { number } of await partitionsOf(disk)) await dropPartition(exec, disk, number);
  await whileHeld(exec, [disk.path], async (expectHeld) => {
    await expectReleasing(context, disk);
    for (const { offsetBytes } of markPlaces(disk.sizeBytes)) {
      expectHeld();
      await expectSameDisk(disk);
      const range = { offsetBytes, lengthBytes: BigInt(MARK_PLACE_BYTES) };
      await exec(zeroCommand(disk.path, range, { force: true }));
      await exec(flushCommand(disk.path));
    }
  });
  await cordons.set(note.disk, { state: 'released', since: new Date().toISOString() });
  const { disk: identity, pool, mark } = note;
  notify({ notice: 'disk-released', disk: disk.path, identity, pool, mark });
}

/** As the kernel shows them now, and not at the last look. */
async function partitionsOf(disk: Disk): Promise<Disk['partitions']> {
  const now = await readDisk(disk.name);
  if (now.is === 'present') return now.value.partitions;
  throw new DriverError('inaccessible', `Cannot release ${disk.path}: the kernel does not show it any more`);
}

/** The note as it stands on a disk of ours. @throws DriverError `host-failed` when it is not the one that we know */
export async function readWrittenNote(exec: Exec, { disk, mark }: Device): Promise<WrittenNote> {
  const { stdout } = await exec(readCommand(disk.path, NOTE_OFFSET, NOTE_BYTES_MAX));
  const written = writtenNote(stdout);
  if (written?.note.mark === mark) return written;
  throw new DriverError('host-failed', `The note of ${disk.path} is not the one that it was served by`);
}

async function expectReleasing(context: PoolsContext, disk: Disk): Promise<void> {
  const verdict = await judgeAnew(context, disk);
  if (verdict.is === 'releasing') return;
  throw new DriverError(
    'unknown',
    `Cannot release ${disk.path}: it is no longer as it was judged, now ${foundInWords(verdict)}`,
  );
}
