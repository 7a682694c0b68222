import { randomUUID } from 'node:crypto';
import { zeroCommand } from '../host/blkdiscard.ts';
import type { Exec } from '../host/exec.ts';
import { readPartition } from '../host/sysfs.ts';
import { allocate, cutOf, growableTo } from '../model/allocate.ts';
import { formatBytes } from '../model/bytes.ts';
import { carvedByTable } from '../model/carved.ts';
import type { SliceNode } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import type { Gpt, GptEntry } from '../model/gpt.ts';
import {
  entryOfSlice,
  generationOf,
  preparedAs,
  quarantined,
  withAddedEntry,
  withEntry,
  withoutEntry,
} from '../model/slice.ts';
import { uuid } from '../model/uuid.ts';
import type { Carver } from './carver.ts';
import type { Device, Placed } from './device.ts';
import { addPartition, dropPartition, expectPartition, resizePartition } from './kernel.ts';
import { changeTable, expectKnownTable, expectSameDisk } from './table.ts';
import { expectZeroEnds } from './zeros.ts';

/** Slices that are partitions: the carvings `partition` and `whole`. The table is all the metadata there is. */
export const partitionCarver: Carver = {
  read: async (_exec, _disk, { table, note }) => carvedByTable(table, note),

  expectKnown: expectKnownTable,

  async carve(exec, device, wish, beforeWrite) {
    const entry = allocate(device.table, cutOf(device.note), wish);
    if (entry === undefined) return false;
    await beforeWrite({ id: wish.handle, generation: generationOf(entry), sizeBytes: entry.sizeBytes });
    await change(exec, device, (table) => withAddedEntry(table, entry));
    await addPartition(exec, device.disk, entry);
    return true;
  },

  peek: async (placed) => readPartition(placed.device.disk.name, entryOf(placed).number),

  async open(exec, placed) {
    const { disk } = placed.device;
    const entry = entryOf(placed);
    await expectSameDisk(disk);
    const shown = await readPartition(disk.name, entry.number);
    return shown.is === 'absent' ? addPartition(exec, disk, entry) : expectPartition(disk, entry);
  },

  async setPrepared(exec, placed, type) {
    const { number } = entryOf(placed);
    await change(exec, placed.device, (table) => preparedAs(table, number, type));
  },

  async grow(exec, placed, sizeBytes) {
    const entry = entryOf(placed);
    if (sizeBytes > entry.sizeBytes) await growEntry(exec, placed, entry, sizeBytes);
    return showGrown(exec, placed.device, entryOf(placed));
  },

  async quarantine(exec, placed) {
    const { device } = placed;
    const { number } = entryOf(placed);
    await expectSameDisk(device.disk);
    await dropPartition(exec, device.disk, number);
    const id = uuid(randomUUID());
    await change(exec, device, (table) => quarantined(table, number, id));
    return id;
  },

  async free(exec, placed) {
    const { device } = placed;
    const { number } = entryOf(placed);
    await expectSameDisk(device.disk);
    await dropPartition(exec, device.disk, number);
    await change(exec, device, (table) => withoutEntry(table, number));
  },
};

async function change(exec: Exec, device: Device, to: (table: Gpt) => Gpt): Promise<void> {
  await changeTable(exec, device, to);
  device.carved = carvedByTable(device.table, device.note);
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
  await change(exec, device, (table) => withEntry(table, entry.number, (one) => ({ ...one, sizeBytes })));
}

/** A kill may have come between the table and the kernel. */
async function showGrown(exec: Exec, { disk }: Device, grown: GptEntry): Promise<SliceNode> {
  const shown = await readPartition(disk.name, grown.number);
  if (
    shown.is === 'present' &&
    shown.value.startBytes === grown.startBytes &&
    shown.value.sizeBytes < grown.sizeBytes
  ) {
    return resizePartition(exec, disk, grown);
  }
  return shown.is === 'absent' ? addPartition(exec, disk, grown) : expectPartition(disk, grown);
}

/** As the table says now; another call may have changed it since the slice was looked up. */
function entryOf({ device, slice }: Placed): GptEntry {
  const entry = entryOfSlice(device.table, slice.id);
  if (entry === undefined)
    throw new DriverError('not-found', `No slice ${slice.id} on ${device.disk.path} any more`);
  return entry;
}
