import { growCommand } from '../host/grow.ts';
import { readMounts } from '../host/proc.ts';
import { sizeFor, sizeStepBytes } from '../model/allocate.ts';
import { formatBytes } from '../model/bytes.ts';
import { DriverError } from '../model/errors.ts';
import { type ExpandRequest, FS_TYPES } from '../model/volume.ts';
import type { Placed } from '../pools/device.ts';
import { growSlice } from '../pools/slices.ts';
import { expectSameDisk } from '../pools/table.ts';
import type { VolumesContext } from './context.ts';
import { findVolume } from './find.ts';
import { mountAt, mountsOfSlice } from './mounts.ts';

/**
 * NodeExpandVolume: slice, then filesystem, while mounted. Every part is done again by a repeat, so that a kill
 * between them heals. `whole` slices have all there is.
 * @returns the size in bytes that the volume has now
 */
export async function expandVolume(context: VolumesContext, request: ExpandRequest): Promise<bigint> {
  const placed = findVolume(context, request.handle);
  await expectSameDisk(placed.device.disk);
  const there = mountAt(request.volumePath, await readMounts());
  if (there === undefined || (await mountsOfSlice(placed, [there])).length === 0) {
    throw new DriverError(
      'not-found',
      `Volume ${placed.slice.id} is not mounted at volume_path ${request.volumePath}`,
    );
  }
  const grown = await growSlice(context.exec, placed, wantedBytes(placed, request));
  const fsType = FS_TYPES.find((known) => known === there.fsType);
  if (!placed.slice.block && fsType !== undefined) {
    await context.exec(growCommand(fsType, grown.path, request.volumePath));
  }
  const record = context.records.get(placed.slice.id);
  if (record !== undefined && record.sizeBytes !== grown.sizeBytes) {
    await context.records.write({ ...record, sizeBytes: grown.sizeBytes });
    const { handle, claim } = record;
    context.notify({ notice: 'expanded', handle, claim, sizeBytes: grown.sizeBytes });
  }
  return grown.sizeBytes;
}

/** Already large enough is fine, whatever the limit was then. */
function wantedBytes({ device, slice }: Placed, { handle, size }: ExpandRequest): bigint {
  const { requiredBytes, limitBytes } = size;
  const currentBytes = slice.sizeBytes;
  const { carving } = device.note;
  if (limitBytes !== undefined && limitBytes < currentBytes) {
    throw new DriverError(
      'out-of-range',
      `capacity_range.limit_bytes is ${limitBytes}: volume ${handle} has ${currentBytes} bytes and never shrinks`,
    );
  }
  if (requiredBytes === undefined || requiredBytes <= currentBytes) return currentBytes;
  const wanted = sizeFor(size, requiredBytes, carving);
  if (wanted !== undefined) return wanted;
  throw new DriverError(
    'out-of-range',
    `No multiple of ${formatBytes(sizeStepBytes(carving))} lies between ${requiredBytes} and ${limitBytes} bytes`,
  );
}
