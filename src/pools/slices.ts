import { randomUUID } from 'node:crypto';
import { type ByteRange, zeroCommand } from '../host/blkdiscard.ts';
import { readCommand } from '../host/dd.ts';
import type { Exec } from '../host/exec.ts';
import { readPartition } from '../host/sysfs.ts';
import { readUseFacts, usersOf } from '../host/usage.ts';
import { allocate, freeBytes, growableTo, type Wish } from '../model/allocate.ts';
import { formatBytes } from '../model/bytes.ts';
import type { KernelPartition } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import type { GptEntry } from '../model/gpt.ts';
import { isZero } from '../model/mark.ts';
import {
  preparedAs,
  quarantined,
  type Slice,
  withAddedEntry,
  withEntry,
  withoutEntry,
} from '../model/slice.ts';
import { uuid } from '../model/uuid.ts';
import type { Device, Placed } from './device.ts';
import { addPartition, dropPartition, expectPartition, resizePartition } from './kernel.ts';
import { changeTable, expectKnownTable, expectSameDisk } from './table.ts';

/** What is done to a slice on its disk. Every table write happens alone, everything else shares the disk. */

/**
 * Carves a slice out of the first device that has room. `beforeWrite` makes the plan durable: it runs when the place
 * is known and nothing is written yet.
 * @returns undefined when no device has room
 */
export async function carve(
  exec: Exec,
  devices: readonly Device[],
  wish: Wish,
  beforeWrite: (device: Device, entry: GptEntry) => Promise<void>,
): Promise<Placed | undefined> {
  for (const device of roomiestFirst(devices)) {
    const placed = await device.lock.exclusive(() => carveOn(exec, device, wish, beforeWrite));
    if (placed !== undefined) return placed;
  }
  return undefined;
}

function roomiestFirst(devices: readonly Device[]): readonly Device[] {
  const free = (device: Device) => freeBytes(device.table, device.note.carving).totalBytes;
  return devices.filter(({ differs }) => differs === undefined).sort((a, b) => (free(a) > free(b) ? -1 : 1));
}

async function carveOn(
  exec: Exec,
  device: Device,
  wish: Wish,
  beforeWrite: (device: Device, entry: GptEntry) => Promise<void>,
): Promise<Placed | undefined> {
  const entry = allocate(device.table, device.note.carving, wish);
  if (entry === undefined) return undefined;
  await beforeWrite(device, entry);
  await changeTable(exec, device, (table) => withAddedEntry(table, entry));
  await addPartition(exec, device.disk, entry);
  return { device, slice: sliceNow({ device, slice: { id: wish.handle } }) };
}

/**
 * The partition of a slice, to open. The one function that may hand one out: the disk is the one we know, and the
 * kernel's start and size are the table's.
 * @throws DriverError `inaccessible`, `host-failed`, `unknown`
 */
export async function openSlice(exec: Exec, placed: Placed): Promise<KernelPartition> {
  const { disk } = placed.device;
  const entry = entryOf(placed);
  await expectSameDisk(disk);
  const shown = await readPartition(disk.name, entry.number);
  return shown.is === 'absent' ? addPartition(exec, disk, entry) : expectPartition(disk, entry);
}

/** Everybody who uses a slice, in words, but for mounts at `except`. The kernel may show no partition: then nobody can. */
export async function usersOfSlice(
  placed: Placed,
  except: readonly string[] = [],
): Promise<readonly string[]> {
  const { disk } = placed.device;
  const shown = await readPartition(disk.name, placed.slice.number);
  if (shown.is === 'unknown')
    throw new DriverError('unknown', `Cannot tell who uses ${placed.slice.id}: ${shown.why}`);
  return shown.is === 'absent' ? [] : usersOf(shown.value, await readUseFacts(), except);
}

/** Sets the bit that says: this slice carries what its tenant was given. */
export async function setPrepared(exec: Exec, placed: Placed, type: 'mount' | 'block'): Promise<void> {
  await placed.device.lock.exclusive(async () => {
    const { number } = sliceNow(placed);
    await changeTable(exec, placed.device, (table) => preparedAs(table, number, type));
  });
}

/**
 * Grows a slice to at least `sizeBytes` where it stands; the new bytes of a block volume are zeroed before anybody
 * can see them (law 7). What a kill left half done is finished.
 * @throws DriverError `exhausted` naming the largest size within reach
 */
export async function growSlice(exec: Exec, placed: Placed, sizeBytes: bigint): Promise<KernelPartition> {
  const { device } = placed;
  return device.lock.exclusive(async () => {
    const entry = entryOf(placed);
    if (sizeBytes > entry.sizeBytes) await growEntry(exec, placed, entry, sizeBytes);
    const grown = entryOf(placed);
    const shown = await readPartition(device.disk.name, grown.number);
    if (
      shown.is === 'present' &&
      shown.value.startBytes === grown.startBytes &&
      shown.value.sizeBytes < grown.sizeBytes
    ) {
      return resizePartition(exec, device.disk, grown);
    }
    return shown.is === 'absent'
      ? addPartition(exec, device.disk, grown)
      : expectPartition(device.disk, grown);
  });
}

async function growEntry(exec: Exec, placed: Placed, entry: GptEntry, sizeBytes: bigint): Promise<void> {
  const { device } = placed;
  const reachable = growableTo(device.table, entry);
  if (sizeBytes > reachable) {
    throw new DriverError(
      'exhausted',
      `Cannot grow volume ${entry.uuid} to ${formatBytes(sizeBytes)} (${sizeBytes} bytes) where it stands on ` +
        `${device.disk.path}: at most ${formatBytes(reachable)} (${reachable} bytes) now`,
    );
  }
  if (placed.slice.block) {
    await expectKnownTable(exec, device);
    const range = {
      offsetBytes: entry.startBytes + entry.sizeBytes,
      lengthBytes: sizeBytes - entry.sizeBytes,
    };
    await exec(zeroCommand(device.disk.path, range, { force: true }));
    await expectZeroEnds(exec, device.disk.path, range);
  }
  await changeTable(exec, device, (table) =>
    withEntry(table, entry.number, (one) => ({ ...one, sizeBytes })),
  );
}

const ENDS_BYTES = 4096;

/** Both ends of what was zeroed, read from the medium. */
async function expectZeroEnds(
  exec: Exec,
  path: string,
  { offsetBytes, lengthBytes }: ByteRange,
): Promise<void> {
  for (const at of [offsetBytes, offsetBytes + lengthBytes - BigInt(ENDS_BYTES)]) {
    const { stdout } = await exec(readCommand(path, at, ENDS_BYTES));
    if (stdout.length !== ENDS_BYTES || !isZero(stdout)) {
      throw new DriverError(
        'host-failed',
        `${path} does not read as zeros at byte ${at} after it was zeroed`,
      );
    }
  }
}

/**
 * The commit point of DeleteVolume. The kernel forgets the partition first, which it refuses while anybody has it
 * open, so from then on nobody can open it.
 * @throws DriverError `in-use`
 */
export async function quarantineSlice(exec: Exec, placed: Placed): Promise<Placed> {
  const { device } = placed;
  return device.lock.exclusive(async () => {
    const slice = sliceNow(placed);
    await expectUnused(placed);
    await expectSameDisk(device.disk);
    await dropPartition(exec, device.disk, slice.number);
    const id = uuid(randomUUID());
    await changeTable(exec, device, (table) => quarantined(table, slice.number, id));
    return { device, slice: sliceNow({ device, slice: { id } }) };
  });
}

/** Gives the range of a slice back to the free space: of a sanitized one, or of one that nobody ever got. */
export async function freeSlice(exec: Exec, placed: Placed): Promise<void> {
  const { device } = placed;
  await device.lock.exclusive(async () => {
    const slice = sliceNow(placed);
    await expectUnused(placed);
    await expectSameDisk(device.disk);
    await dropPartition(exec, device.disk, slice.number);
    await changeTable(exec, device, (table) => withoutEntry(table, slice.number));
  });
}

async function expectUnused(placed: Placed): Promise<void> {
  const users = await usersOfSlice(placed);
  if (users.length > 0)
    throw new DriverError('in-use', `Volume ${placed.slice.id} is in use: ${users.join(', ')}`);
}

/** The slice as the table says now; another call may have changed it since it was looked up. */
function sliceNow({ device, slice }: { readonly device: Device; readonly slice: Pick<Slice, 'id'> }): Slice {
  const now = device.slices().find(({ id }) => id === slice.id);
  if (now === undefined)
    throw new DriverError('not-found', `No slice ${slice.id} on ${device.disk.path} any more`);
  return now;
}

function entryOf({ device, slice }: Placed): GptEntry {
  const { number } = sliceNow({ device, slice });
  const entry = device.table.entries.find((one) => one.number === number);
  if (entry === undefined) throw new DriverError('bug', `slice ${slice.id} without an entry`);
  return entry;
}
