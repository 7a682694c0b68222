import { fsMinimumBytes } from '../host/mkfs.ts';
import { sizeFor, sizeStepBytes } from '../model/allocate.ts';
import { formatBytes, maxOf } from '../model/bytes.ts';
import { incompatibility } from '../model/compatible.ts';
import { DriverError } from '../model/errors.ts';
import type { Pool } from '../model/pool.ts';
import type { VolumeRecord } from '../model/record.ts';
import { handleFor, type Uuid } from '../model/uuid.ts';
import type { Capability, CreateRequest, VolumeInfo, VolumeParameters } from '../model/volume.ts';
import type { PlannedSlice } from '../pools/carver.ts';
import { type Device, nameOf, type Placed } from '../pools/device.ts';
import { carve, freeSlice, openSlice } from '../pools/slices.ts';
import type { VolumesContext } from './context.ts';
import { onlySlice } from './find.ts';

/** CreateVolume behind its lock. Order: record planned, table, kernel, record committed, answer. */
export async function createVolume(
  context: VolumesContext,
  handle: Uuid,
  request: CreateRequest,
): Promise<VolumeInfo> {
  const placed = onlySlice(context, handle);
  const record = context.records.get(handle);
  if (placed !== undefined) return repeat(context, placed, record, request);
  if (record !== undefined) await expectForgettable(context, record, request);
  return carveNew(context, handle, request);
}

export function handleOf(context: Pick<VolumesContext, 'self'>, name: string): Uuid {
  return handleFor(context.self.driver, context.self.node, name);
}

/** The slice is there: the same answer, or what differs. */
async function repeat(
  context: VolumesContext,
  placed: Placed,
  record: VolumeRecord | undefined,
  request: CreateRequest,
): Promise<VolumeInfo> {
  if (record?.state === 'deleted') {
    throw new DriverError(
      'busy',
      `The volume ${placed.slice.id} was deleted while its disk was away and is about to go; repeat the call`,
    );
  }
  const kept = record ?? recordOf(placed.device, request, placed.slice);
  const now: VolumeRecord = { ...kept, sizeBytes: placed.slice.sizeBytes };
  const difference = incompatibility(now, request);
  if (difference !== undefined) {
    throw new DriverError(
      'exists-differently',
      `A volume named ${JSON.stringify(request.name)} is there already: ${difference}`,
    );
  }
  await openSlice(context.exec, placed);
  if (record?.state !== 'committed') await context.records.write({ ...now, state: 'committed' });
  return infoOf(placed);
}

/** A record without a slice: planned ones are forgotten, anything else is not ours to replace. */
async function expectForgettable(
  context: VolumesContext,
  record: VolumeRecord,
  request: CreateRequest,
): Promise<void> {
  const device = context.pools.device(record.mark);
  if (device !== undefined && record.state !== 'committed') return context.records.remove(record.handle);
  const what = device === undefined ? 'its disk is away' : 'its slice is gone from the disk';
  const difference = incompatibility(record, request);
  throw new DriverError(
    difference === undefined ? 'exhausted' : 'exists-differently',
    `A volume named ${JSON.stringify(request.name)} was made on ${record.disk}, ${difference ?? what}; ` +
      'delete it, or use another node',
  );
}

async function carveNew(context: VolumesContext, handle: Uuid, request: CreateRequest): Promise<VolumeInfo> {
  const pool = poolFor(context, request.parameters);
  const minimumBytes = minimumOf(request.capabilities);
  expectPossibleSize(request, minimumBytes, pool);
  const wish = { handle, pool: pool.name, size: request.size, minimumBytes };
  let planned: VolumeRecord | undefined;
  const placed = await carve(context.exec, context.pools.devices(pool.name), wish, async (device, slice) => {
    planned = recordOf(device, request, slice);
    await context.records.write(planned);
  });
  if (placed === undefined || planned === undefined) throw noRoom(context, pool, request, minimumBytes);
  await context.records.write({ ...planned, state: 'committed' });
  const { device, slice } = placed;
  const { sizeBytes } = slice;
  context.notify({ notice: 'provisioned', handle, claim: request.claim, ...nameOf(device), sizeBytes });
  return infoOf(placed);
}

function recordOf(
  { disk, note, members }: Device,
  request: CreateRequest,
  slice: PlannedSlice,
): VolumeRecord {
  // One that is away just now has no slot.
  const slotted = (identity: string) => ({
    disk: identity,
    slot: members.find((member) => member.identity === identity)?.sysPath ?? '',
  });
  return {
    formatVersion: 1,
    state: 'planned',
    handle: slice.id,
    name: request.name,
    pool: note.pool,
    ...request.size,
    capabilities: request.capabilities,
    mkfsOptions: request.parameters.mkfsOptions,
    mark: note.mark,
    generation: slice.generation,
    sizeBytes: slice.sizeBytes,
    disk: note.disk,
    slot: disk.sysPath,
    array: note.array === 'none' ? undefined : { level: note.array, members: note.members.map(slotted) },
    createdAt: new Date().toISOString(),
    claim: request.claim,
  };
}

/**
 * The pool that a class names, or the only one.
 * @throws DriverError `exhausted` (not on this node), `invalid-argument` (several, and none named)
 */
export function poolFor(
  context: Pick<VolumesContext, 'pools' | 'self'>,
  { pool: name }: VolumeParameters,
): Pool {
  const pools = context.pools.pools();
  const names = pools.map((pool) => pool.name).join(', ');
  const pool = name === undefined && pools.length === 1 ? pools[0] : pools.find((one) => one.name === name);
  if (pool !== undefined) return pool;
  if (name === undefined) {
    throw new DriverError(
      'invalid-argument',
      `parameters.pool is missing, and this node has several pools: ${names}`,
    );
  }
  throw new DriverError('exhausted', `Node ${context.self.node} has no pool "${name}"; it has: ${names}`);
}

export function minimumOf(capabilities: readonly Capability[]): bigint {
  const smallest = capabilities.map(({ access }) =>
    access.type === 'mount' ? fsMinimumBytes(access.fsType) : 1n,
  );
  return smallest.reduce(maxOf, 1n);
}

/** @throws DriverError `out-of-range` for what no node could serve */
function expectPossibleSize(
  { size, capabilities }: CreateRequest,
  minimumBytes: bigint,
  { carving }: Pool,
): void {
  if (sizeFor(size, minimumBytes, carving) !== undefined) return;
  const fs = capabilities.map(({ access }) => (access.type === 'mount' ? access.fsType : 'raw block'))[0];
  throw new DriverError(
    'out-of-range',
    `capacity_range.limit_bytes is ${size.limitBytes}: a volume of ${fs} has at least ${minimumBytes} bytes, ` +
      `and slices of carving ${carving} are multiples of ${formatBytes(sizeStepBytes(carving))}`,
  );
}

/** Capacity was lowered by whatever took the room before this is said (law 6). */
function noRoom(
  context: VolumesContext,
  pool: Pool,
  request: CreateRequest,
  minimumBytes: bigint,
): DriverError {
  const { maximumVolumeBytes, availableBytes } = context.pools.capacity(pool.name);
  const wanted = maxOf(request.size.requiredBytes ?? 0n, minimumBytes);
  const range =
    request.size.limitBytes === undefined ? '' : `, at most ${formatBytes(request.size.limitBytes)}`;
  return new DriverError(
    'exhausted',
    `Pool "${pool.name}" on node ${context.self.node} has no room for ${formatBytes(wanted)}${range}: ` +
      `the largest volume now is ${formatBytes(maximumVolumeBytes)}, free in all ${formatBytes(availableBytes)}`,
  );
}

export function infoOf({ device, slice }: Placed): VolumeInfo {
  return {
    handle: slice.id,
    sizeBytes: slice.sizeBytes,
    context: { pool: device.note.pool, mark: device.mark, machine: device.note.machine },
  };
}

/** Frees the slice of a CreateVolume that never answered; nobody ever got it, so there is nothing to sanitize. */
export async function undoCreate(context: VolumesContext, placed: Placed): Promise<void> {
  await freeSlice(context.exec, placed);
  await context.records.remove(placed.slice.id);
}
