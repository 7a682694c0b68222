import { readMounts } from '../host/proc.ts';
import { parseStatfs, statfsCommand } from '../host/statfs.ts';
import { DriverError } from '../model/errors.ts';
import type { VolumeStats } from '../model/volume.ts';
import { openSlice } from '../pools/slices.ts';
import type { VolumesContext } from './context.ts';
import { findVolume } from './find.ts';
import { mountAt, mountsOfNode } from './mounts.ts';
import { stagedNode } from './stage.ts';

/** NodeGetVolumeStats. @throws DriverError `not-found` when the volume is not at that path */
export async function volumeStats(
  context: VolumesContext,
  handle: string,
  volumePath: string,
): Promise<VolumeStats> {
  const placed = findVolume(context, handle);
  const node = await placed.device.lock.shared(() => openSlice(context.exec, placed));
  const mounts = await readMounts();
  const there = mountAt(volumePath, mounts) ?? mountAt(stagedNode(volumePath, placed.slice.id), mounts);
  if (there === undefined || mountsOfNode(node, [there]).length === 0) {
    throw new DriverError('not-found', `Volume ${handle} is not mounted at volume_path ${volumePath}`);
  }
  if (there.fsType === 'devtmpfs') return { type: 'block', totalBytes: node.sizeBytes };
  return parseStatfs(await context.exec({ ...statfsCommand(volumePath), device: node.path }));
}
