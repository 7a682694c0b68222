import { readMounts } from '../host/proc.ts';
import { DriverError } from '../model/errors.ts';
import { isHandleOf, type Uuid } from '../model/uuid.ts';
import { nameOf, type Placed } from '../pools/device.ts';
import { quarantineSlice, usersOfSlice } from '../pools/slices.ts';
import type { VolumesContext } from './context.ts';
import { onlySlice, seenFor } from './find.ts';
import { explainLoss } from './loss.ts';
import { mountsOfSlice, unmountAll } from './mounts.ts';

/**
 * DeleteVolume behind its lock. The commit point is one table write; the record goes after it, so that a kill in
 * between leaves a record whose generation stands in quarantine, which is forgotten at the next start.
 * @returns the quarantined slice, to be sanitized; undefined when there was nothing to quarantine
 */
export async function deleteVolume(context: VolumesContext, handle: Uuid): Promise<Placed | undefined> {
  const placed = onlySlice(context, handle);
  if (placed === undefined) return forget(context, handle);
  await undoStaleStaging(context, placed);
  const claim = context.records.get(handle)?.claim;
  const quarantine = await quarantineSlice(context.exec, placed);
  await context.records.remove(handle);
  const { sizeBytes } = placed.slice;
  context.notify({ notice: 'quarantined', handle, claim, ...nameOf(placed.device), sizeBytes });
  return quarantine;
}

/**
 * No slice here: unknown is fine, another node's is not ours to say, and a disk that is away is told on its return,
 * also one that another disk has replaced: it was not seen to be gone.
 */
async function forget(context: VolumesContext, handle: Uuid): Promise<undefined> {
  const record = context.records.get(handle);
  if (record === undefined) {
    if (isHandleOf(handle, context.self.driver, context.self.node)) return;
    throw new DriverError(
      'another-node',
      `Volume ${handle} was not made on node ${context.self.node}; delete it on its own node`,
    );
  }
  const { reason } = explainLoss(handle, record.mark, record, seenFor(context, record.mark));
  if (reason === 'SliceLost' || reason === 'DiskWiped') await context.records.remove(handle);
  else await context.records.write({ ...record, state: 'deleted' });
  return undefined;
}

/**
 * A kubelet restart can lose the NodeUnstage of a volume. A staging mount that nobody else uses is undone; everything
 * else is in use.
 */
async function undoStaleStaging(context: VolumesContext, placed: Placed): Promise<void> {
  const staging = (await mountsOfSlice(placed, await readMounts())).filter(({ target }) =>
    isStagingPath(target, placed.slice.id),
  );
  const targets = staging.map(({ target }) => target);
  if (targets.length === 0 || (await usersOfSlice(placed, targets)).length > 0) return;
  for (const target of targets) await unmountAll(context, target);
}

/** The kubelet's staging folders, and our own file for the device node of a block volume. */
function isStagingPath(target: string, handle: Uuid): boolean {
  return /\/plugins\/kubernetes\.io\/csi\/.*\/globalmount$/.test(target) || target.endsWith(`/${handle}`);
}
