import { randomUUID } from 'node:crypto';
import { zeroCommand } from '../host/blkdiscard.ts';
import type { Exec } from '../host/exec.ts';
import {
  extendVolumeCommand,
  makeVolumeCommand,
  removeVolumeCommand,
  retagVolumeCommand,
} from '../host/lvm.ts';
import { alignUp, type ByteRange, formatBytes } from '../model/bytes.ts';
import { carvedByGroup, NOTHING_CARVED } from '../model/carved.ts';
import { DriverError } from '../model/errors.ts';
import {
  countOf,
  type LogicalVolume,
  nextGeneration,
  pickRuns,
  placeVolume,
  rangeOf,
  volumeName,
} from '../model/group.ts';
import { isMade } from '../model/mark.ts';
import { uuid } from '../model/uuid.ts';
import { carvedTags, preparedAs, quarantinedAs, type Retag } from '../model/volume-tags.ts';
import type { Carver } from './carver.ts';
import type { Placed } from './device.ts';
import { changeGroup, expectKnownGroup, groupOf, physicalPartition, readGroup } from './group.ts';
import { dropMapping, expectNoStray, peekMapping, showMapping, volumeOf } from './mapping.ts';
import { expectSameDisk } from './table.ts';
import { expectZeroEnds } from './zeros.ts';

/**
 * Slices that are logical volumes: the carving `lvm`. Their states are tags in LVM's metadata; the kernel knows one from
 * when it is opened until it is deleted or the machine restarts.
 */
export const logicalCarver: Carver = {
  async read(exec, disk, mark) {
    return isMade(mark.table) ? carvedByGroup(await readGroup(exec, { disk, ...mark })) : NOTHING_CARVED;
  },

  expectKnown: expectKnownGroup,

  async carve(exec, device, wish, beforeWrite) {
    const group = groupOf(device);
    const runs = placeVolume(group, wish);
    if (runs === undefined) return false;
    await expectNoStray(device);
    const generation = nextGeneration(group);
    const tags = carvedTags(wish.handle, wish.pool);
    await beforeWrite({ id: wish.handle, generation, sizeBytes: countOf(runs) * group.extentBytes });
    await changeGroup(exec, device, { name: volumeName(generation) }, (on, at) =>
      makeVolumeCommand(on, at, runs, tags),
    );
    return true;
  },

  peek: peekMapping,

  async open(exec, placed) {
    await expectSameDisk(placed.device.disk);
    return showMapping(exec, placed);
  },

  async setPrepared(exec, placed, type) {
    await retag(exec, placed, preparedAs(type));
  },

  async grow(exec, placed, sizeBytes) {
    const volume = volumeOf(placed);
    if (sizeBytes > volume.sizeBytes) await extend(exec, placed, volume, sizeBytes);
    return showMapping(exec, placed);
  },

  async quarantine(exec, placed) {
    await expectSameDisk(placed.device.disk);
    await dropMapping(exec, placed);
    const id = uuid(randomUUID());
    await retag(exec, placed, quarantinedAs(volumeOf(placed), id));
    return id;
  },

  async free(exec, placed) {
    await expectSameDisk(placed.device.disk);
    await dropMapping(exec, placed);
    await changeGroup(exec, placed.device, volumeOf(placed), removeVolumeCommand);
  },
};

async function retag(exec: Exec, placed: Placed, change: Retag): Promise<void> {
  await changeGroup(exec, placed.device, volumeOf(placed), (on, at) => retagVolumeCommand(on, at, change));
}

/** Of a raw block volume the new extents are zeroed while they are nobody's, by the partition that they are on. */
async function extend(exec: Exec, placed: Placed, volume: LogicalVolume, sizeBytes: bigint): Promise<void> {
  const { device, slice } = placed;
  const group = groupOf(device);
  const runs = pickRuns(
    group.free,
    alignUp(sizeBytes - volume.sizeBytes, group.extentBytes) / group.extentBytes,
  );
  if (runs === undefined)
    throw noRoom(placed, volume.sizeBytes + countOf(group.free) * group.extentBytes, sizeBytes);
  await expectNoStray(device);
  if (slice.block) {
    await expectKnownGroup(exec, device);
    const { path } = await physicalPartition(device);
    for (const run of runs) await zeroRange(exec, path, rangeOf(group, run));
  }
  await changeGroup(exec, device, volume, (on, at) => extendVolumeCommand(on, at, runs));
}

async function zeroRange(exec: Exec, path: string, range: ByteRange): Promise<void> {
  await exec(zeroCommand(path, range, { force: true }));
  await expectZeroEnds(exec, path, range);
}

function noRoom({ device, slice }: Placed, reachable: bigint, sizeBytes: bigint): DriverError {
  return new DriverError(
    'exhausted',
    `Cannot grow volume ${slice.id} to ${formatBytes(sizeBytes)} (${sizeBytes} bytes) on ${device.disk.path}: ` +
      `at most ${formatBytes(reachable)} (${reachable} bytes) now`,
  );
}
