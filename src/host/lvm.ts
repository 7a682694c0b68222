import { DriverError } from '../model/errors.ts';
import type { Run } from '../model/group.ts';
import type { Retag } from '../model/volume-tags.ts';
import type { Exec, HostCommand, HostResult } from './exec.ts';

/**
 * LVM, confined to one physical volume: it sees no other device, reads no configuration of the host, talks to none of
 * its daemons and takes its locks in a folder of its own. LVM of the host in turn keeps off a group of another system
 * id, and activates nothing by itself that says so.
 *
 * @see lvm(8), lvm.conf(5), lvmsystemid(7); tried with 2.03.16
 */

const TIMEOUT_MS = 60_000;

/** LVM's own files: nothing but locks. */
const FOLDER = '/run/instance-store-csi/lvm';

/** Whose the groups are, as LVM sees it: of any driver of this kind, wherever the disk is. */
export const SYSTEM_ID = 'instance-store-csi';

const CONFIG = [
  'devices/hints="none"',
  'devices/obtain_device_list_from_udev=0',
  // A tenant's bytes at the end of the last extent must not make the whole physical volume look like somebody else's.
  'devices/md_component_detection=0',
  'devices/multipath_component_detection=0',
  'activation/udev_sync=0',
  'activation/udev_rules=0',
  'activation/monitoring=0',
  'backup/backup=0',
  'backup/archive=0',
  `global/locking_dir="${FOLDER}/lock"`,
  'global/use_lvmpolld=0',
  'global/notify_dbus=0',
  'global/system_id_source="lvmlocal"',
  `local/system_id="${SYSTEM_ID}"`,
].join(' ');

const ENVIRONMENT = { LVM_SYSTEM_DIR: FOLDER, LVM_SUPPRESS_FD_WARNINGS: '1', DM_DISABLE_UDEV: '1' };

/** The path of the physical volume, and that of the disk that it is on, which hangs when it does. */
export type PhysicalVolume = { readonly path: string; readonly disk: string };

/** A logical volume by its group's name and its own. */
export type VolumePath = { readonly group: string; readonly volume: string };

export function confined({ path, disk }: PhysicalVolume, args: readonly string[]): HostCommand {
  return { ...lvm([...args, '--devices', path]), device: disk };
}

function lvm(args: readonly string[]): HostCommand {
  const confined = [...args, '--config', CONFIG];
  return { command: 'lvm', args: confined, env: ENVIRONMENT, timeoutMs: TIMEOUT_MS };
}

/**
 * Without it LVM makes groups all the same, whose volumes nobody can use. To ask makes the kernel load it.
 * @throws DriverError `host-failed`
 */
export async function expectDeviceMapper(exec: Exec): Promise<void> {
  const { stdout } = await exec(lvm(['version']));
  if (/^ *Driver version:/m.test(Buffer.from(stdout).toString('utf8'))) return;
  throw new DriverError(
    'host-failed',
    'The kernel has no device mapper, which the carving lvm needs: load the module dm_mod',
  );
}

const changing = (command: HostCommand): HostCommand => ({ ...command, effect: true });

const nameOf = ({ group, volume }: VolumePath): string => `${group}/${volume}`;

/**
 * A group of this one physical volume, with extents that begin on whole MiB and its metadata at both ends: so that
 * no volume has the very end, where md would look for a superblock of its own.
 */
export function makeGroupCommand(on: PhysicalVolume, group: string): HostCommand {
  const layout = ['--physicalextentsize', '1m', '--dataalignment', '1m', '--metadatasize', '4092k'];
  const copies = ['--pvmetadatacopies', '2'];
  return changing(
    confined(on, ['vgcreate', group, on.path, ...layout, ...copies, '--setautoactivation', 'n']),
  );
}

/** One commit. The volume is inactive, and on its extents is what was there. */
export function makeVolumeCommand(
  on: PhysicalVolume,
  at: VolumePath,
  runs: readonly Run[],
  tags: readonly string[],
): HostCommand {
  const plain = ['--activate', 'n', '--zero', 'n', '--wipesignatures', 'n'];
  const args = ['lvcreate', at.group, '--name', at.volume, ...sized(on, runs, ''), ...plain];
  return changing(confined(on, [...args, ...tags.flatMap((tag) => ['--addtag', tag])]));
}

/** One commit; of an active volume the kernel's mapping too. */
export function extendVolumeCommand(on: PhysicalVolume, at: VolumePath, runs: readonly Run[]): HostCommand {
  return changing(confined(on, ['lvextend', nameOf(at), ...sized(on, runs, '+')]));
}

/** So many extents, and which. */
function sized({ path }: PhysicalVolume, runs: readonly Run[], sign: '' | '+'): readonly string[] {
  const count = runs.reduce((sum, run) => sum + run.count, 0n);
  const ranges = runs.map(({ start, count: length }) => `:${start}-${start + length - 1n}`).join('');
  return [`${path}${ranges}`, '--extents', `${sign}${count}`];
}

/** One commit. */
export function retagVolumeCommand(on: PhysicalVolume, at: VolumePath, { drop, add }: Retag): HostCommand {
  const dropped = drop.flatMap((tag) => ['--deltag', tag]);
  return changing(
    confined(on, ['lvchange', nameOf(at), ...dropped, ...add.flatMap((tag) => ['--addtag', tag])]),
  );
}

/** One commit. */
export function removeVolumeCommand(on: PhysicalVolume, at: VolumePath): HostCommand {
  return changing(confined(on, ['lvremove', nameOf(at), '--yes']));
}

/** Makes the volume a block device of the kernel. */
export function activateCommand(on: PhysicalVolume, at: VolumePath): HostCommand {
  return changing(confined(on, ['lvchange', nameOf(at), '--activate', 'y']));
}

/** Brings the kernel's mapping up to the metadata, also in use, also where a kill left it suspended. */
export function refreshCommand(on: PhysicalVolume, at: VolumePath): HostCommand {
  return changing(confined(on, ['lvchange', nameOf(at), '--refresh']));
}

const FAILED = 5;

/** Tries for five seconds, then exits with 5 and says why: see parseDeactivated(). */
export function deactivateCommand(on: PhysicalVolume, at: VolumePath): HostCommand {
  return changing({ ...confined(on, ['lvchange', nameOf(at), '--activate', 'n']), okCodes: [0, FAILED] });
}

/** Undefined when it failed for another reason than somebody who has the volume open, anywhere. */
export function parseDeactivated({ code, stderr }: HostResult): 'inactive' | 'in-use' | undefined {
  if (code === 0) return 'inactive';
  return / in use\.$| is used by another device\.$|Device or resource busy$/m.test(stderr)
    ? 'in-use'
    : undefined;
}
