import { readCommand } from '../host/dd.ts';
import type { Exec } from '../host/exec.ts';
import { changeTableCommand, writeTableCommand } from '../host/sfdisk.ts';
import { readDisk, readDiskStamp } from '../host/sysfs.ts';
import type { Disk } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import { encodeGpt, type Gpt, parseGpt } from '../model/gpt.ts';
import type { Device } from './device.ts';

/** Enough for the header and 256 entries with sectors of 512 bytes and of 4 KiB. */
const HEAD_BYTES = 64 * 1024;

/**
 * Replaces the table of a device: the one way in which a table of ours changes. The disk must still be the one that
 * was judged and still bear the table that we know; what was written is read back from the medium. A write that was cut
 * short may have left the old table, the new one or a torn one: only another look can tell.
 * The caller holds the device's lock exclusively.
 * @throws DriverError `inaccessible` (another disk is there now), `host-failed`, `unknown`
 */
export async function changeTable(exec: Exec, device: Device, change: (table: Gpt) => Gpt): Promise<void> {
  await expectKnownTable(exec, device);
  const wanted = change(device.table);
  await orDoubt(device, async () => {
    await exec(changeTableCommand(device.disk.path, device.table, wanted));
    await expectTable(exec, device.disk, wanted, 'not what was written');
  });
  device.table = wanted;
}

/**
 * The proof that a disk is still ours, read from the medium: asked for before anything on it is written over (law 1).
 * The caller holds the device's lock.
 * @throws DriverError `inaccessible` (another disk is there now), `host-failed` (another table is), `unknown`
 */
export async function expectKnownTable(exec: Exec, device: Device): Promise<void> {
  const { disk, table } = device;
  await expectSameDisk(disk);
  if (device.isDoubted)
    throw new DriverError('unknown', `The table of ${disk.path} is about to be read again; repeat the call`);
  await orDoubt(device, () => expectUnchanged(exec, disk, table));
}

/** @throws DriverError `host-failed` when the medium has another table, `unknown` */
export function expectUnchanged(exec: Exec, disk: Disk, table: Gpt): Promise<void> {
  const otherwise = 'changed by someone else; the next look at the disk tells what it is now';
  return expectTable(exec, disk, table, otherwise);
}

/** Where a change of metadata fails or was cut short, nobody knows what is there. */
export async function orDoubt(device: Device, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    device.isDoubted = true;
    throw error;
  }
}

/**
 * Replaces the table of a member of an array, which nothing but the look at the disks writes.
 * @throws DriverError as changeTable() does
 */
export async function replaceTable(exec: Exec, disk: Disk, from: Gpt, to: Gpt): Promise<void> {
  await expectOwnTable(exec, disk, from);
  await exec(changeTableCommand(disk.path, from, to));
  await expectTable(exec, disk, to, 'not what was written');
}

/** Proves that the disk bears this table, from the medium. @throws DriverError `host-failed`, `inaccessible` */
export async function expectOwnTable(exec: Exec, disk: Disk, table: Gpt): Promise<void> {
  await expectSameDisk(disk);
  await expectTable(exec, disk, table, 'changed by someone else');
}

/** Writes a table without a look at what is there: for the first one and for the repair of a torn copy. */
export async function writeTable(exec: Exec, disk: Disk, table: Gpt): Promise<void> {
  await expectSameDisk(disk);
  await exec(writeTableCommand(disk.path, table));
  await expectTable(exec, disk, table, 'not what was written');
}

/**
 * The kernel counts disks up as they come: another number under the same name is another disk.
 * @throws DriverError `inaccessible`
 */
export async function expectSameDisk(disk: Disk): Promise<void> {
  // A kernel before 5.15 does not count: there the identity is all there is, at the price of reading it; the kernel
  // knows none of an array.
  const now = await (disk.diskSeq === undefined ? readDisk(disk.name) : readDiskStamp(disk.name));
  if (now.is === 'unknown')
    throw new DriverError('unknown', `Cannot tell whether ${disk.path} is here: ${now.why}`);
  const same =
    now.is === 'present' &&
    now.value.diskSeq === disk.diskSeq &&
    now.value.majorMinor === disk.majorMinor &&
    now.value.sizeBytes === disk.sizeBytes &&
    (!('identity' in now.value) || disk.array !== undefined || now.value.identity === disk.identity);
  if (!same) {
    throw new DriverError('inaccessible', `${disk.path} is no longer the disk ${disk.identity}`, {
      reason: 'DiskAway',
    });
  }
}

async function expectTable(exec: Exec, disk: Disk, wanted: Gpt, otherwise: string): Promise<void> {
  const { stdout } = await exec(readCommand(disk.path, 0n, HEAD_BYTES));
  const found = parseGpt(stdout, new Uint8Array(0), disk.logicalBlockBytes, disk.sizeBytes).primary;
  const entries = encodeGpt(wanted, disk.sizeBytes).find(({ what }) => what === 'primary entries')?.bytes;
  const same =
    found.is === 'whole' &&
    found.table.diskGuid === wanted.diskGuid &&
    entries !== undefined &&
    Buffer.compare(found.raw, entries) === 0;
  if (!same) throw new DriverError('host-failed', `The table of ${disk.path} is ${otherwise}`);
}
