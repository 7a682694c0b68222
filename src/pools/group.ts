import { zeroCommand } from '../host/blkdiscard.ts';
import { flushCommand } from '../host/dd.ts';
import type { Exec, HostCommand } from '../host/exec.ts';
import { expectDeviceMapper, makeGroupCommand, type PhysicalVolume, type VolumePath } from '../host/lvm.ts';
import { parseReport, reportCommand } from '../host/lvm-report.ts';
import { carvedByGroup } from '../model/carved.ts';
import type { Disk, KernelPartition } from '../model/disk.ts';
import { assert, DriverError } from '../model/errors.ts';
import { type Group, groupName, type LogicalVolume } from '../model/group.ts';
import { type DeviceMark, memberEntry, withMade } from '../model/mark.ts';
import { isDisfigured } from '../model/volume-tags.ts';
import type { Device } from './device.ts';
import { expectPartition } from './kernel.ts';
import { expectKnownTable, expectSameDisk, expectUnchanged, orDoubt, writeTable } from './table.ts';

/** The volume group of a device that LVM carves: one a device, alone on its partition 2, known by the mark. */

/** A device, or what is about to become one. */
type Marked = Pick<Device, 'disk' | 'note' | 'table'>;

/**
 * The group as the medium has it.
 * @throws DriverError `unknown` for whatever is not wholly our group: then nobody knows what the device bears
 */
export async function readGroup(exec: Exec, { disk, note, table }: Marked): Promise<Group> {
  const { path } = await physicalPartition({ disk, table });
  const name = groupName(note.mark);
  const reading = parseReport(await exec(reportCommand({ path, disk: disk.path })), name);
  const found = reading.is === 'other' ? reading.why : disfigured(reading.group);
  if (reading.is === 'group' && found === undefined) return reading.group;
  throw new DriverError(
    'unknown',
    `Cannot tell what ${disk.path} bears: found ${found} on ${path}, want the volume group ${name} as it was left`,
  );
}

function disfigured({ volumes }: Group): string | undefined {
  const volume = volumes.find(isDisfigured);
  return volume && `the logical volume ${volume.name} with the tags "${volume.tags.join(' ')}"`;
}

/** As our table and the kernel say. @throws DriverError `host-failed`, `unknown` */
export function physicalPartition({ disk, table }: Pick<Device, 'disk' | 'table'>): Promise<KernelPartition> {
  const entry = memberEntry(table);
  assert(entry !== undefined, `${disk.path} has no partition for LVM`);
  return expectPartition(disk, entry);
}

/** Its metadata, and some more, at either end of the physical volume. */
const ENDS_BYTES = 8n * 1024n ** 2n;

/**
 * Makes the group of a device that was taken for LVM, whatever a kill left of an earlier attempt, and says so in the
 * table: with that bit it is never made again. Without it nobody was ever given a slice of it.
 * @throws DriverError `host-failed`, `inaccessible`, `unknown`
 */
export async function makeGroup(exec: Exec, disk: Disk, mark: DeviceMark): Promise<DeviceMark> {
  await expectDeviceMapper(exec);
  await expectSameDisk(disk);
  await expectUnchanged(exec, disk, mark.table);
  const { path, sizeBytes } = await physicalPartition({ disk, table: mark.table });
  for (const offsetBytes of [0n, sizeBytes - ENDS_BYTES])
    await exec(zeroCommand(path, { offsetBytes, lengthBytes: ENDS_BYTES }));
  await exec(makeGroupCommand({ path, disk: disk.path }, groupName(mark.note.mark)));
  await exec(flushCommand(path));
  await readGroup(exec, { disk, ...mark });
  const table = withMade(mark.table);
  await writeTable(exec, disk, table);
  return { ...mark, table };
}

export function groupOf({ carved, disk }: Device): Group {
  assert(carved.group !== undefined, `${disk.path} has no volume group`);
  return carved.group;
}

/**
 * The one way in which a group of ours changes: a command that commits once. LVM commits without flushing the disk,
 * so that is done here. A command that was cut short may have committed or not: only another look can tell.
 * The caller holds the device's lock exclusively.
 * @throws DriverError `inaccessible` (another disk is there now), `host-failed`, `unknown`
 */
export async function changeGroup(
  exec: Exec,
  device: Device,
  volume: Pick<LogicalVolume, 'name'>,
  command: (on: PhysicalVolume, at: VolumePath) => HostCommand,
): Promise<void> {
  await expectKnownTable(exec, device);
  const known = groupOf(device);
  await orDoubt(device, async () => {
    await exec(await commandOn(device, volume, command));
    await exec(flushCommand((await physicalPartition(device)).path));
    const group = await readGroup(exec, device);
    if (group.uuid !== known.uuid || group.seqno !== known.seqno + 1n) throw changed(device);
    device.carved = carvedByGroup(group);
  });
}

/** The proof that device and group are still as we know them, read from the medium. */
export async function expectKnownGroup(exec: Exec, device: Device): Promise<void> {
  await expectKnownTable(exec, device);
  const known = groupOf(device);
  await orDoubt(device, async () => {
    const group = await readGroup(exec, device);
    if (group.uuid !== known.uuid || group.seqno !== known.seqno) throw changed(device);
  });
}

function changed({ disk }: Device): DriverError {
  const message = `The volume group of ${disk.path} was changed by someone else; the next look at the disk tells what it is now`;
  return new DriverError('host-failed', message);
}

/** A command on one volume of a group. */
export async function commandOn(
  device: Device,
  volume: Pick<LogicalVolume, 'name'>,
  command: (on: PhysicalVolume, at: VolumePath) => HostCommand,
): Promise<HostCommand> {
  const { path } = await physicalPartition(device);
  return command({ path, disk: device.disk.path }, { group: groupName(device.mark), volume: volume.name });
}
