import { readFilesystem } from '../host/blkid.ts';
import { arrayIdentity } from '../model/array.ts';
import { DriverError, type HealthReason } from '../model/errors.ts';
import type { Refusal } from '../model/judge.ts';
import { parseUuid } from '../model/uuid.ts';
import type { Health } from '../model/volume.ts';
import { healthOf } from '../pools/array-health.ts';
import type { ArrayView } from '../pools/arrays.ts';
import type { Placed } from '../pools/device.ts';
import { peekSlice } from '../pools/slices.ts';
import type { VolumesContext } from './context.ts';
import { findVolume } from './find.ts';

/**
 * NodeGetVolumeHealth: nothing, or what is wrong with one volume. The errors that a stage would meet are told here as
 * conditions, until they are over.
 * @throws DriverError `not-found`
 */
export async function volumeHealth(context: VolumesContext, handle: string): Promise<readonly Health[]> {
  try {
    return await healthOfPlaced(context, findVolume(context, handle));
  } catch (error) {
    if (error instanceof DriverError && error.kind !== 'not-found') return [healthOfError(error)];
    throw error;
  }
}

/** What a record says of a volume that has no slice here, for status and for loss notices. */
export function lossOf(context: VolumesContext, handle: string): Health | undefined {
  try {
    if (parseUuid(handle) !== undefined) findVolume(context, handle);
    return undefined;
  } catch (error) {
    return error instanceof DriverError ? healthOfError(error) : undefined;
  }
}

function healthOfError(error: DriverError): Health {
  const status = error.kind === 'data-loss' ? 'DATA_LOSS' : 'INACCESSIBLE';
  return { status, reason: error.reason ?? 'DeviceNotAnswering', message: error.message };
}

async function healthOfPlaced(context: VolumesContext, placed: Placed): Promise<readonly Health[]> {
  if (placed.slice.state !== 'prepared' || placed.slice.block) return [];
  const { disk } = placed.device;
  const shown = await peekSlice(placed);
  if (shown.is !== 'present') return [];
  const found = await readFilesystem(context.exec, shown.value.path);
  if (found.is === 'unknown') {
    return [{ status: 'INACCESSIBLE', reason: 'DeviceNotAnswering', message: `${disk.path}: ${found.why}` }];
  }
  if (found.is === 'present' && found.value.uuid.toLowerCase() === placed.slice.id) return [];
  const message = `The filesystem of volume ${placed.slice.id} is gone from ${shown.value.path}`;
  return [{ status: 'DATA_LOSS', reason: 'FilesystemLost', message }];
}

/** Marks of ours that cannot be served: the disk bears data, and the driver keeps off it. */
const MARKED: ReadonlySet<Refusal> = new Set<Refusal>([
  'copied mark',
  'newer mark',
  'damaged mark',
  'duplicate identity',
]);

const ARRAY_STATUSES = {
  degraded: { status: 'DEGRADED', reason: 'ArrayDegraded' },
  lost: { status: 'DATA_LOSS', reason: 'MemberMissing' },
  waiting: { status: 'INACCESSIBLE', reason: 'ArrayWaiting' },
} as const satisfies Record<string, Pick<Health, 'status'> & { readonly reason: HealthReason }>;

function healthOfArray(array: ArrayView): readonly Health[] {
  const { is, what } = healthOf(array);
  if (is === 'whole') return [];
  return [
    { ...ARRAY_STATUSES[is], message: `${arrayIdentity(array.uuid)} of pool ${array.note.pool}: ${what}` },
  ];
}

/** NodeGetStorageHealth: disks of ours that are refused, arrays that are not whole, disks that records name and nobody sees. */
export function storageHealth(context: VolumesContext): readonly Health[] {
  const refused = context.pools.looked().flatMap(({ disk, verdict }): Health[] => {
    if (verdict.is !== 'refused' || !MARKED.has(verdict.first.reason)) return [];
    const message = `${disk.path}: ${verdict.first.reason}: ${verdict.first.detail}`;
    return [{ status: 'DEGRADED', reason: 'DiskRefused', message }];
  });
  const arrays = context.pools.arrays();
  const missing = new Set(
    context.records
      .all()
      .filter(({ mark, state }) => state === 'committed' && context.pools.device(mark) === undefined)
      .filter(({ mark }) => !arrays.some(({ uuid }) => uuid === mark))
      .map(({ disk }) => disk),
  );
  return [
    ...refused,
    ...arrays.flatMap(healthOfArray),
    ...[...missing].map(
      (disk): Health => ({ status: 'INACCESSIBLE', reason: 'DiskAway', message: `${disk} is not here` }),
    ),
  ];
}
