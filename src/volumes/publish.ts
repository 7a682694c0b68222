import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { bindCommand, remountReadOnlyBindCommand, unmountCommand } from '../host/mount.ts';
import { makeTargetDirectory, noSymlinks, removeTarget } from '../host/paths.ts';
import { type Mount, readMounts } from '../host/proc.ts';
import type { SliceNode } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import type { PublishRequest } from '../model/volume.ts';
import type { Placed } from '../pools/device.ts';
import { openSlice } from '../pools/slices.ts';
import type { VolumesContext } from './context.ts';
import { findVolume } from './find.ts';
import { isBindOfNode, isNodeOf, mountAt, mountsOfNode, unmountAll } from './mounts.ts';
import { bindNode, expectAccess, stagedNode } from './stage.ts';

/** NodePublishVolume: the staged volume at one more path. */
export async function publishVolume(context: VolumesContext, asked: PublishRequest): Promise<void> {
  const readOnly = asked.readOnly || asked.capability.mode === 'SINGLE_NODE_READER_ONLY';
  const request: PublishRequest = { ...asked, readOnly };
  const placed = findVolume(context, request.handle, request.context);
  await noSymlinks('staging_target_path', request.stagingPath);
  await noSymlinks('target_path', request.targetPath);
  expectAccess(placed, request.capability.access);
  const node = await placed.device.lock.shared(() => openSlice(context.exec, placed));
  const mounts = await readMounts();
  await expectStaged(placed, node, request, mounts);
  if (await isPublished(node, request, mounts)) {
    if (readOnly) await undoReadOnlyStep(context, request.targetPath);
    return;
  }
  expectSoleTarget(placed, node, request, mounts);
  if (request.capability.access.type === 'block') return bindNode(context, node, request.targetPath);
  await makeTargetDirectory(request.targetPath, context.crashpoints);
  if (request.readOnly) return bindReadOnly(context, request);
  await context.exec(bindCommand(request.stagingPath, request.targetPath));
  if (await isPublished(node, request, await readMounts())) return;
  throw new DriverError('host-failed', `${request.targetPath} is no mount after binding the volume there`);
}

/** Undoes what mountinfo shows at the target and removes the target itself, nothing above or below it. */
export async function unpublishVolume(context: VolumesContext, targetPath: string): Promise<void> {
  // Through a symlink the target that is removed would be somebody else's folder.
  await noSymlinks('target_path', targetPath);
  await undoReadOnlyStep(context, targetPath);
  await unmountAll(context, targetPath);
  await removeTarget(targetPath, context.crashpoints);
}

/** A publish without its stage would bind the root disk: the path must show this very slice. */
async function expectStaged(
  placed: Placed,
  node: SliceNode,
  { stagingPath, capability }: PublishRequest,
  mounts: readonly Mount[],
): Promise<void> {
  const block = capability.access.type === 'block';
  const path = block ? stagedNode(stagingPath, placed.slice.id) : stagingPath;
  const there = mountAt(path, mounts);
  const ours =
    there !== undefined &&
    placed.slice.state === 'prepared' &&
    (block
      ? isBindOfNode(there, node) && (await isNodeOf(path, node))
      : mountsOfNode(node, [there]).length > 0 && there.root === '/');
  if (ours) return;
  const found = there === undefined ? 'nothing is mounted there' : `${there.source} is mounted there`;
  throw new DriverError(
    'not-staged',
    `Volume ${placed.slice.id} is not staged at staging_target_path ${stagingPath}: ${found}`,
  );
}

/** @throws DriverError `exists-differently` when something else, or another way of it, is at the target */
async function isPublished(
  node: SliceNode,
  { handle, stagingPath, targetPath, capability, readOnly }: PublishRequest,
  mounts: readonly Mount[],
): Promise<boolean> {
  const there = mountAt(targetPath, mounts);
  if (there === undefined) return false;
  const block = capability.access.type === 'block';
  if (block && isBindOfNode(there, node)) return isNodeOf(targetPath, node);
  // Left by a disk that went away and came back under another name: it shows nothing any more.
  if (block && there.fsType === 'devtmpfs' && there.rootDeleted) return false;
  const ours = !block && mountsOfNode(node, [there]).length > 0 && there.fsType !== 'devtmpfs';
  const isReadOnly = there.options.includes('ro');
  // A volume whose mount options say `ro` is read-only everywhere, asked for or not.
  const wantedReadOnly = readOnly || mountAt(stagingPath, mounts)?.options.includes('ro') === true;
  if (ours && isReadOnly === wantedReadOnly) return true;
  const found = ours
    ? `the volume ${isReadOnly ? 'read-only' : 'writable'}`
    : `${there.fsType} of ${there.source}`;
  throw new DriverError(
    'exists-differently',
    `target_path ${targetPath} already shows ${found}; wanted volume ${handle} ${readOnly ? 'read-only' : 'writable'}`,
  );
}

/**
 * Single-writer modes have one target. The staging mount and subdirectories that the kubelet bound are none; so is
 * our own half-made step of a read-only publish.
 */
function expectSoleTarget(
  placed: Placed,
  node: SliceNode,
  { stagingPath, targetPath, capability }: PublishRequest,
  mounts: readonly Mount[],
): void {
  if (capability.mode === 'SINGLE_NODE_MULTI_WRITER' || capability.mode === 'SINGLE_NODE_READER_ONLY') return;
  const own = new Set([
    stagingPath,
    stagedNode(stagingPath, placed.slice.id),
    targetPath,
    readOnlyStepOf(targetPath),
  ]);
  const other = mountsOfNode(node, mounts).find(
    (mount) => !own.has(mount.target) && (mount.root === '/' || isBindOfNode(mount, node)),
  );
  if (other === undefined) return;
  throw new DriverError(
    'in-use',
    `Volume ${placed.slice.id} is already published at ${other.target}, and its access mode ${capability.mode} allows one target; ` +
      'pods on one node share it with SINGLE_NODE_MULTI_WRITER (ReadWriteOnce)',
  );
}

/**
 * A read-only bind is two mount(2) calls, and a kill between them leaves it writable. So both are made beside the
 * target, where no pod looks, and the finished bind is bound once more: the copy is read-only from its first moment.
 */
async function bindReadOnly(
  context: VolumesContext,
  { stagingPath, targetPath }: PublishRequest,
): Promise<void> {
  const step = readOnlyStepOf(targetPath);
  await unmountAll(context, step);
  await makeTargetDirectory(step, context.crashpoints);
  await context.exec(bindCommand(stagingPath, step));
  await context.exec(remountReadOnlyBindCommand(step));
  await context.exec(bindCommand(step, targetPath));
  await context.exec(unmountCommand(step));
  await removeTarget(step, context.crashpoints);
  const there = mountAt(targetPath, await readMounts());
  if (there?.options.includes('ro') === true) return;
  await unmountAll(context, targetPath);
  throw new DriverError('host-failed', `${targetPath} is not read-only after binding it so`);
}

/** What a kill left beside the target. */
async function undoReadOnlyStep(context: VolumesContext, targetPath: string): Promise<void> {
  const step = readOnlyStepOf(targetPath);
  await unmountAll(context, step);
  await removeTarget(step, context.crashpoints);
}

function readOnlyStepOf(targetPath: string): string {
  const id = createHash('sha256').update(targetPath).digest('hex').slice(0, 12);
  return join(dirname(targetPath), `.instance-store-csi-${id}`);
}
