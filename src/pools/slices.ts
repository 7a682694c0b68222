import type { Exec } from '../host/exec.ts';
import { readUseFacts, usersOf } from '../host/usage.ts';
import type { Wish } from '../model/allocate.ts';
import type { Answer } from '../model/answer.ts';
import type { Carved } from '../model/carved.ts';
import type { Disk, SliceNode } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import type { DeviceMark } from '../model/mark.ts';
import type { Carving } from '../model/pool.ts';
import type { Slice } from '../model/slice.ts';
import type { Carver, PlannedSlice } from './carver.ts';
import type { Device, Placed } from './device.ts';
import { logicalCarver } from './logical.ts';
import { partitionCarver } from './partition.ts';

/** What is done to a slice, whatever carved it. Every write of metadata happens alone, everything else shares the disk. */

const CARVERS: { readonly [C in Carving]: Carver } = {
  whole: partitionCarver,
  partition: partitionCarver,
  lvm: logicalCarver,
};

const carverOf = ({ note }: Pick<Device, 'note'>): Carver => CARVERS[note.carving];

/** What a disk of ours bears, out of its own metadata. @throws DriverError `host-failed`, `unknown` */
export function readCarved(exec: Exec, disk: Disk, mark: DeviceMark): Promise<Carved> {
  return carverOf(mark).read(exec, disk, mark);
}

/** Asked before anything on a device is written over. @throws DriverError `inaccessible`, `host-failed`, `unknown` */
export function expectKnown(exec: Exec, device: Device): Promise<void> {
  return carverOf(device).expectKnown(exec, device);
}

/**
 * Carves a slice out of the first device that has room. `beforeWrite` makes the plan durable: it runs when the place
 * is known and nothing is written yet.
 * @returns undefined when no device has room
 */
export async function carve(
  exec: Exec,
  devices: readonly Device[],
  wish: Wish,
  beforeWrite: (device: Device, planned: PlannedSlice) => Promise<void>,
): Promise<Placed | undefined> {
  for (const device of roomiestFirst(devices)) {
    const placed = await device.lock.exclusive(async () => {
      // It may have been cordoned, or given back, while this call waited.
      if (device.closedWhy !== undefined) return undefined;
      const carved = await carverOf(device).carve(exec, device, wish, (planned) =>
        beforeWrite(device, planned),
      );
      return carved ? placedNow(device, wish.handle) : undefined;
    });
    if (placed !== undefined) return placed;
  }
  return undefined;
}

function roomiestFirst(devices: readonly Device[]): readonly Device[] {
  return devices
    .filter(({ closedWhy }) => closedWhy === undefined)
    .sort((a, b) => (a.carved.free.totalBytes > b.carved.free.totalBytes ? -1 : 1));
}

/**
 * The device of a slice, to open. The one function that may hand one out: the disk is the one we know, and the kernel
 * shows the range that our metadata say.
 * @throws DriverError `inaccessible`, `host-failed`, `unknown`
 */
export function openSlice(exec: Exec, placed: Placed): Promise<SliceNode> {
  return carverOf(placed.device).open(exec, placed);
}

/** As the kernel shows it now, for those who only look. */
export function peekSlice(placed: Placed): Promise<Answer<SliceNode>> {
  return carverOf(placed.device).peek(placed);
}

/** Everybody who uses a slice, in words, but for mounts at `except`. The kernel may not show it: then nobody can. */
export async function usersOfSlice(
  placed: Placed,
  except: readonly string[] = [],
): Promise<readonly string[]> {
  const shown = await peekSlice(placed);
  if (shown.is === 'unknown')
    throw new DriverError('unknown', `Cannot tell who uses ${placed.slice.id}: ${shown.why}`);
  return shown.is === 'absent' ? [] : usersOf(shown.value, await readUseFacts(), except);
}

/** Sets the bit that says: this slice carries what its tenant was given. */
export async function setPrepared(exec: Exec, placed: Placed, type: 'mount' | 'block'): Promise<void> {
  await placed.device.lock.exclusive(() => carverOf(placed.device).setPrepared(exec, placed, type));
}

/**
 * Grows a slice to at least `sizeBytes` where it stands; the new bytes of a block volume are zeroed before anybody
 * can see them (law 7). What a kill left half done is finished.
 * @throws DriverError `exhausted` naming the largest size within reach
 */
export function growSlice(exec: Exec, placed: Placed, sizeBytes: bigint): Promise<SliceNode> {
  return placed.device.lock.exclusive(() => carverOf(placed.device).grow(exec, placed, sizeBytes));
}

/**
 * The commit point of DeleteVolume. Before it, nobody can open the slice any more.
 * @throws DriverError `in-use`
 */
export function quarantineSlice(exec: Exec, placed: Placed): Promise<Placed> {
  const { device } = placed;
  return device.lock.exclusive(async () => {
    await expectUnused(placed);
    return placedNow(device, await carverOf(device).quarantine(exec, placed));
  });
}

/** Gives the range of a slice back to the free space: of a sanitized one, or of one that nobody ever got. */
export async function freeSlice(exec: Exec, placed: Placed): Promise<void> {
  await placed.device.lock.exclusive(async () => {
    await expectUnused(placed);
    await carverOf(placed.device).free(exec, placed);
  });
}

async function expectUnused(placed: Placed): Promise<void> {
  const users = await usersOfSlice(placed);
  if (users.length > 0)
    throw new DriverError('in-use', `Volume ${placed.slice.id} is in use: ${users.join(', ')}`);
}

/** The slice as its device says now. */
function placedNow(device: Device, id: Slice['id']): Placed {
  const slice = device.carved.slices.find((one) => one.id === id);
  if (slice === undefined)
    throw new DriverError('not-found', `No slice ${id} on ${device.disk.path} any more`);
  return { device, slice };
}
