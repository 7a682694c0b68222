import { join } from 'node:path';
import { readFilesystem } from '../host/blkid.ts';
import { preenCommand } from '../host/fsck.ts';
import { bindCommand, mountCommand } from '../host/mount.ts';
import { makeTargetDirectory, makeTargetFile, noSymlinks, removeTarget } from '../host/paths.ts';
import { type Mount, readMounts } from '../host/proc.ts';
import { ABSENT } from '../model/answer.ts';
import type { SliceNode } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import { parseUuid } from '../model/uuid.ts';
import {
  type Access,
  DEFAULT_FS_TYPE,
  FS_TYPES,
  type FsType,
  type NodeAccess,
  type StageRequest,
} from '../model/volume.ts';
import type { Placed } from '../pools/device.ts';
import { expectKnown, openSlice, setPrepared, usersOfSlice } from '../pools/slices.ts';
import type { VolumesContext } from './context.ts';
import { findVolume } from './find.ts';
import { isBindOfNode, isNodeOf, mountAt, mountsOfNode, unmountAll } from './mounts.ts';
import { expectFilesystem, makeFilesystem, zeroNode } from './prepare.ts';

/** NodeStageVolume: find, compare, prepare once, mount. */
export async function stageVolume(context: VolumesContext, request: StageRequest): Promise<void> {
  const placed = findVolume(context, request.handle, request.context);
  const { access } = request.capability;
  await noSymlinks('staging_target_path', request.stagingPath);
  expectAccess(placed, access);
  if (access.type === 'mount') return stageMount(context, placed, access, request.stagingPath);
  return stageBlock(context, placed, request.stagingPath);
}

/** Where the device node of a block volume is bound while it is staged; the staging path itself is a directory. */
export function stagedNode(stagingPath: string, handle: string): string {
  return join(stagingPath, handle);
}

/** Undoes what mountinfo shows at the staging path, for both kinds of volume; kubelet removes the directory. */
export async function unstageVolume(
  context: VolumesContext,
  handle: string,
  stagingPath: string,
): Promise<void> {
  await noSymlinks('staging_target_path', stagingPath);
  // A handle that is none has no node, and might be a way out of the staging path.
  const id = parseUuid(handle);
  const node = id === undefined ? undefined : stagedNode(stagingPath, id);
  if (node !== undefined) await unmountAll(context, node);
  await unmountAll(context, stagingPath);
  if (node !== undefined) await removeTarget(node, context.crashpoints);
}

/** @throws DriverError `unsupported`: what was prepared as one kind is never served as the other */
export function expectAccess({ slice }: Placed, access: NodeAccess): void {
  if (slice.state !== 'prepared' || slice.block === (access.type === 'block')) return;
  const [was, asked] = slice.block ? ['a raw block volume', 'a mount'] : ['a filesystem', 'a block device'];
  throw new DriverError(
    'unsupported',
    `Volume ${slice.id} was prepared as ${was}; volume_capability asks for ${asked}`,
  );
}

type MountAccess = Extract<Access, { readonly type: 'mount' }>;
type MountAsked = Extract<NodeAccess, { readonly type: 'mount' }>;

async function stageMount(
  context: VolumesContext,
  placed: Placed,
  asked: MountAsked,
  path: string,
): Promise<void> {
  const node = await placed.device.lock.shared(() => openSlice(context.exec, placed));
  const fsType = asked.fsType ?? (await ownFsType(context, placed, node));
  const access: MountAccess = { ...asked, fsType };
  const there = mountAt(path, await readMounts());
  const isOurs = there !== undefined && mountsOfNode(node, [there]).length > 0;
  if (there !== undefined && (placed.slice.state === 'prepared' || !isOurs))
    return expectSameStaging(placed, node, there, access);
  if (placed.slice.state === 'prepared') {
    await placed.device.lock.shared(() => mountPrepared(context, placed, node, access, path));
    return;
  }
  await prepareMount(context, placed, node, access, path);
}

/** Unnamed, the filesystem is what the slice bears, else what the volume was made for, else the default. */
async function ownFsType(context: VolumesContext, placed: Placed, node: SliceNode): Promise<FsType> {
  const found = placed.slice.state === 'prepared' ? await readFilesystem(context.exec, node.path) : ABSENT;
  const borne = FS_TYPES.find((known) => found.is === 'present' && known === found.value.type);
  const [made] = context.records.get(placed.slice.id)?.capabilities ?? [];
  return borne ?? (made?.access.type === 'mount' ? made.access.fsType : DEFAULT_FS_TYPE);
}

function expectSameStaging(placed: Placed, node: SliceNode, there: Mount, access: MountAccess): void {
  const ours = mountsOfNode(node, [there]).length > 0;
  if (ours && there.root === '/' && there.fsType === access.fsType) return;
  const found = `${there.fsType} of ${there.source}`;
  throw new DriverError(
    'exists-differently',
    `staging_target_path ${there.target} is already a mount of ${found}; wanted ${access.fsType} of ${node.path} for volume ${placed.slice.id}`,
  );
}

async function mountPrepared(
  context: VolumesContext,
  placed: Placed,
  node: SliceNode,
  access: MountAccess,
  path: string,
): Promise<void> {
  const { id } = placed.slice;
  await expectFilesystem(context, node, id, access.fsType);
  if (access.fsType === 'ext4' && (await usersOfSlice(placed)).length === 0) await preen(context, node, id);
  await mountAndCheck(context, placed, node, access, path);
}

async function preen(context: VolumesContext, node: SliceNode, handle: string): Promise<void> {
  try {
    await context.exec(preenCommand(node.path));
  } catch (error) {
    throw unmountable(handle, node, error);
  }
}

/**
 * The mount at the staging path is the trial mount: nobody is given it before the bit is set. A kill before the bit
 * leaves a mount that is undone here, as nobody was answered.
 */
async function prepareMount(
  context: VolumesContext,
  placed: Placed,
  node: SliceNode,
  access: MountAccess,
  path: string,
): Promise<void> {
  const { id } = placed.slice;
  const startedAtMs = performance.now();
  await unmountAll(context, path);
  await expectNobody(placed);
  const record = context.records.get(id);
  await placed.device.lock.shared(async () => {
    await expectKnown(context.exec, placed.device);
    await makeFilesystem(context, node, id, access.fsType, record?.mkfsOptions ?? []);
    await mountAndCheck(context, placed, node, access, path);
  });
  await setPrepared(context.exec, placed, 'mount');
  context.notify({
    notice: 'prepared',
    handle: id,
    claim: record?.claim,
    what: access.fsType,
    durationMs: performance.now() - startedAtMs,
  });
}

async function expectNobody(placed: Placed): Promise<void> {
  const users = await usersOfSlice(placed);
  if (users.length === 0) return;
  throw new DriverError(
    'in-use',
    `Cannot prepare volume ${placed.slice.id}, it is in use: ${users.join(', ')}`,
  );
}

async function mountAndCheck(
  context: VolumesContext,
  placed: Placed,
  node: SliceNode,
  access: MountAccess,
  path: string,
): Promise<void> {
  await makeTargetDirectory(path, context.crashpoints);
  try {
    await context.exec(mountCommand(access.fsType, node.path, path, access.mountFlags));
  } catch (error) {
    throw unmountable(placed.slice.id, node, error);
  }
  const mount = mountAt(path, await readMounts());
  if (mount === undefined)
    throw new DriverError('host-failed', `${path} is no mount after mounting ${node.path}`);
  expectSameStaging(placed, node, mount, access);
}

/** A filesystem that does not mount is not data loss: said in words, repaired by nobody unasked. */
function unmountable(handle: string, node: SliceNode, error: unknown): DriverError {
  if (!(error instanceof DriverError) || error.kind !== 'host-failed') throw error;
  const message =
    `The filesystem of volume ${handle} on ${node.path} is there and does not mount: ${error.message}. ` +
    'Look at the mount options and the kernel log; the driver repairs nothing by itself';
  return new DriverError('unmountable', message, { cause: error });
}

async function stageBlock(context: VolumesContext, placed: Placed, path: string): Promise<void> {
  const node = await placed.device.lock.shared(() => openSlice(context.exec, placed));
  if (placed.slice.state !== 'prepared') await prepareBlock(context, placed, node);
  await bindNode(context, node, stagedNode(path, placed.slice.id));
}

async function prepareBlock(context: VolumesContext, placed: Placed, node: SliceNode): Promise<void> {
  const startedAtMs = performance.now();
  await expectNobody(placed);
  await placed.device.lock.shared(() => expectKnown(context.exec, placed.device));
  await zeroNode(context, placed.device.lock, node);
  await setPrepared(context.exec, placed, 'block');
  const durationMs = performance.now() - startedAtMs;
  const handle = placed.slice.id;
  const claim = context.records.get(handle)?.claim;
  context.notify({ notice: 'prepared', handle, claim, what: 'zeros', durationMs });
}

/** Binds a device node on a file, or finds it bound; one that shows another device by now is bound anew. */
export async function bindNode(context: VolumesContext, node: SliceNode, path: string): Promise<void> {
  const there = mountAt(path, await readMounts());
  if (there !== undefined && isBindOfNode(there, node) && (await isNodeOf(path, node))) return;
  await unmountAll(context, path);
  await makeTargetFile(path, context.crashpoints);
  await context.exec(bindCommand(node.path, path));
  if (!(await isNodeOf(path, node))) {
    await unmountAll(context, path);
    throw new DriverError('host-failed', `${path} does not show the device ${node.path} after binding it`);
  }
}
