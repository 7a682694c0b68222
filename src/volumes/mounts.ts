import { lstat } from 'node:fs/promises';
import { readMappingsOn } from '../host/mapped.ts';
import { unmountCommand } from '../host/mount.ts';
import type { Mount } from '../host/proc.ts';
import { readMounts } from '../host/proc.ts';
import { readDisk } from '../host/sysfs.ts';
import { nodesOf, pathsOf } from '../host/usage.ts';
import type { SliceNode } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import type { Placed } from '../pools/device.ts';
import { peekSlice } from '../pools/slices.ts';
import type { VolumesContext } from './context.ts';

/** Which mounts are a volume's, as mountinfo shows them: nothing here is remembered. */

/** Mounts of the slice's filesystem and binds of its device node, subdirectories that others bound included. */
export async function mountsOfSlice(placed: Placed, mounts: readonly Mount[]): Promise<readonly Mount[]> {
  const shown = await peekSlice(placed);
  return shown.is === 'present' ? mountsOfNode(shown.value, mounts) : [];
}

/** btrfs shows a device number of its own, so its source is compared. */
export function mountsOfNode(node: SliceNode, mounts: readonly Mount[]): readonly Mount[] {
  return mounts.filter(
    (mount) =>
      mount.majorMinor === node.majorMinor ||
      (mount.fsType === 'btrfs' && pathsOf(node).includes(mount.source)) ||
      isBindOfNode(mount, node),
  );
}

export function isBindOfNode(mount: Mount, node: Pick<SliceNode, 'path' | 'aliases'>): boolean {
  return mount.fsType === 'devtmpfs' && nodesOf(node).includes(mount.root);
}

/** The uppermost mount at a path, which is what a pod would see there. */
export function mountAt(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts.findLast(({ target }) => target === path);
}

/**
 * A bound device node is only worth something while it is the slice's: numbers are given again.
 * @see docs/design.md, hazards of device nodes
 */
export async function isNodeOf(path: string, node: SliceNode): Promise<boolean> {
  const { rdev } = await lstat(path, { bigint: true });
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
  return node.majorMinor === `${major}:${minor}`;
}

/**
 * Undoes every mount at a path, so that nothing of the volume is left there. What is mounted there and is neither a
 * volume of ours nor dead is somebody else's, and stays.
 * @throws DriverError `in-use`, `unsupported`
 */
export async function unmountAll(context: VolumesContext, path: string): Promise<void> {
  for (let left = MOUNTS_MAX; ; left -= 1) {
    const mount = mountAt(path, await readMounts());
    if (mount === undefined) return;
    await expectOurs(context, mount, path);
    if (left === 0)
      throw new DriverError('host-failed', `${path} is still mounted after ${MOUNTS_MAX} unmounts`);
    await unmountOnce(context, path);
  }
}

const MOUNTS_MAX = 16;

async function unmountOnce(context: VolumesContext, path: string): Promise<void> {
  try {
    await context.exec(unmountCommand(path));
  } catch (error) {
    const busy = error instanceof DriverError && /busy/.test(error.message);
    if (busy) throw new DriverError('in-use', `${path} is still in use: ${error.message}`, { cause: error });
    throw error;
  }
}

async function expectOurs(context: VolumesContext, mount: Mount, path: string): Promise<void> {
  if ((await isOnOurDisk(context, mount)) || (await isDead(mount))) return;
  throw new DriverError(
    'unsupported',
    `${path} is a mount of ${mount.source} (${mount.fsType}), no volume of this driver: left alone`,
  );
}

/** On a disk that we serve, or that a record names and that we no longer serve: what was mounted from it ends too. */
async function isOnOurDisk(context: VolumesContext, mount: Mount): Promise<boolean> {
  const named = new Set(context.records.all().map(({ disk }) => disk));
  const served = new Set(context.pools.devices().map(({ disk }) => disk.name));
  const disks = context.pools
    .looked()
    .filter(({ disk }) => served.has(disk.name) || (disk.identity !== undefined && named.has(disk.identity)));
  const now = await Promise.all(disks.map(({ disk }) => readDisk(disk.name)));
  const partitions = now.flatMap((disk) => (disk.is === 'present' ? disk.value.partitions : []));
  const mapped = await Promise.all(partitions.map(({ name }) => readMappingsOn(name)));
  const volumes = mapped.flat().filter(({ isOurs }) => isOurs);
  return [...partitions, ...volumes].some((node) => mountsOfNode(node, [mount]).length > 0);
}

/** A filesystem whose disk is gone, or a bind of a device node that is gone. */
async function isDead(mount: Mount): Promise<boolean> {
  if (mount.fsType === 'devtmpfs') return mount.rootDeleted;
  const local = mount.source.startsWith('/dev/');
  return (
    local &&
    (await lstat(mount.source).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
    ))
  );
}
