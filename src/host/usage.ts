import type { Disk, Usage } from '../model/disk.ts';
import { type Mount, readAllMounts, readSwaps, type Swap } from './proc.ts';
import { type Loop, readLoops } from './sysfs.ts';

/** Who uses a device, out of what the kernel's tables say (law 8). Exclusive opening and BLKPG are asked elsewhere. */

export type UseFacts = {
  readonly mounts: readonly Mount[];
  readonly swaps: readonly Swap[];
  readonly loops: readonly Loop[];
};

export type UsedDevice = {
  readonly path: string;
  readonly aliases?: readonly string[];
  readonly majorMinor: string;
  readonly holders: readonly string[];
};

/** @throws {DriverError} `unknown` when one of the tables cannot be read */
export async function readUseFacts(): Promise<UseFacts> {
  const [mounts, swaps, loops] = await Promise.all([readAllMounts(), readSwaps(), readLoops()]);
  return { mounts, swaps, loops };
}

/** A disk and all of its partitions together. */
export function usageOf(disk: Disk, facts: UseFacts): Usage {
  const devices: readonly UsedDevice[] = [disk, ...disk.partitions];
  return {
    root: devices.some((device) => facts.mounts.some((mount) => mount.target === '/' && isOn(mount, device))),
    mounts: all(devices, (device) => mountsOf(device, facts.mounts)),
    swaps: all(devices, (device) => swapsOf(device, facts.swaps)),
    holders: all(devices, (device) => holdersOf(device, facts)),
  };
}

/**
 * Words for everybody who uses one device; empty when nobody does. Mounts at `except` are the caller's own and are
 * left out.
 */
export function usersOf(
  device: UsedDevice,
  facts: UseFacts,
  except: readonly string[] = [],
): readonly string[] {
  const mounts = facts.mounts.filter((mount) => !except.includes(mount.target));
  return [
    ...mountsOf(device, mounts),
    ...swapsOf(device, facts.swaps).map((path) => `swap on ${path}`),
    ...holdersOf(device, facts),
  ];
}

function all(
  devices: readonly UsedDevice[],
  words: (device: UsedDevice) => readonly string[],
): readonly string[] {
  return devices.flatMap(words);
}

function mountsOf(device: UsedDevice, mounts: readonly Mount[]): readonly string[] {
  const words = mounts.flatMap((mount) => {
    if (isNodeOf(mount, device)) return [`device node ${device.path} bound at ${mount.target}`];
    return isOn(mount, device) ? [`${mount.target} (${mount.fsType} on ${device.path})`] : [];
  });
  return [...new Set(words)];
}

/** Filesystems of several devices have a number of their own and name a device as source (bcachefs: several). */
function isOn(mount: Mount, device: UsedDevice): boolean {
  return (
    mount.majorMinor === device.majorMinor ||
    mount.source.split(':').some((source) => pathsOf(device).includes(source))
  );
}

/** A bind of the device's node: of devtmpfs, or of the tmpfs that a container has as /dev. */
function isNodeOf(mount: Mount, device: UsedDevice): boolean {
  return (mount.fsType === 'devtmpfs' || mount.fsType === 'tmpfs') && nodesOf(device).includes(mount.root);
}

/** Its paths inside /dev. */
export function nodesOf(device: Pick<UsedDevice, 'path' | 'aliases'>): readonly string[] {
  return pathsOf(device).map((path) => path.replace(/^\/dev(?=\/)/, ''));
}

export function pathsOf({ path, aliases = [] }: Pick<UsedDevice, 'path' | 'aliases'>): readonly string[] {
  return [path, ...aliases];
}

function swapsOf(device: UsedDevice, swaps: readonly Swap[]): readonly string[] {
  return swaps.map((swap) => undeleted(swap.path)).filter((path) => pathsOf(device).includes(path));
}

function holdersOf(device: UsedDevice, facts: UseFacts): readonly string[] {
  const nodes = facts.mounts.filter((mount) => isNodeOf(mount, device)).map((mount) => mount.target);
  // kubelet attaches loops to its own bind of a block volume's node, not to /dev.
  const loops = facts.loops.filter((loop) =>
    [...pathsOf(device), ...nodes].includes(undeleted(loop.backingFile)),
  );
  return [...device.holders, ...loops.map((loop) => loop.name)].map((name) => `${name} on ${device.path}`);
}

/** The device is in use all the same when only its node was removed. */
function undeleted(path: string): string {
  return path.replace(/ \(deleted\)$/, '');
}
