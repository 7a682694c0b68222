import type { Exec } from '../host/exec.ts';
import { activateCommand, deactivateCommand, parseDeactivated, refreshCommand } from '../host/lvm.ts';
import { type Mapping, readMapping, readMappingsOn } from '../host/mapped.ts';
import { ABSENT, type Answer } from '../model/answer.ts';
import { DriverError } from '../model/errors.ts';
import { type LogicalVolume, mappingUuid } from '../model/group.ts';
import { type MappingDecision, type MappingFacts, reconcileMapping } from '../model/reconcile-mapping.ts';
import type { Decided } from '../model/rows.ts';
import { sliceOf } from '../model/volume-tags.ts';
import type { Device, Placed } from './device.ts';
import { commandOn, groupOf, physicalPartition } from './group.ts';

/** The kernel's view of our logical volumes, which is built from the group's metadata and never the other way round. */

/** As the metadata say now; another call may have changed it since the slice was looked up. */
export function volumeOf({ device, slice }: Placed): LogicalVolume {
  const volume = groupOf(device).volumes.find((one) => sliceOf(one)?.id === slice.id);
  if (volume === undefined)
    throw new DriverError('not-found', `No slice ${slice.id} on ${device.disk.path} any more`);
  return volume;
}

export async function peekMapping(placed: Placed): Promise<Answer<Mapping>> {
  return readMapping(mappingUuid(groupOf(placed.device), volumeOf(placed)));
}

/**
 * Makes the kernel show a volume as the metadata say: it may not have been told, or a kill came in the middle of that.
 * @throws DriverError `host-failed`, `unknown`
 */
export async function showMapping(exec: Exec, placed: Placed): Promise<Mapping> {
  const { device } = placed;
  const volume = volumeOf(placed);
  const { name } = await physicalPartition(device);
  const before = await peekLiving(exec, placed);
  const isBehind = before.is === 'present' && kernelFact(before.value, volume, name) === 'behind';
  if (before.is === 'absent') await exec(await commandOn(device, volume, activateCommand));
  if (isBehind) await exec(await commandOn(device, volume, refreshCommand));
  const shown = before.is === 'absent' || isBehind ? await peekMapping(placed) : before;
  if (shown.is === 'present' && kernelFact(shown.value, volume, name) === 'same') return shown.value;
  throw new DriverError(
    shown.is === 'unknown' ? 'unknown' : 'host-failed',
    `Logical volume ${volume.name} of ${device.disk.path}: the kernel shows ${inWords(shown)}, ` +
      `the metadata say ${volume.sizeBytes} bytes on ${name}`,
  );
}

/** What the kernel shows of a disk that was pulled stands on nothing, stays when the disk is back, and is dropped here. */
async function peekLiving(exec: Exec, placed: Placed): Promise<Answer<Mapping>> {
  const shown = await peekMapping(placed);
  if (shown.is !== 'present' || shown.value.on.length > 0) return shown;
  await dropMapping(exec, placed);
  return ABSENT;
}

function kernelFact(
  { isSuspended, sizeBytes, on }: Mapping,
  volume: LogicalVolume,
  partition: string,
): MappingFacts['kernel'] {
  if (on.join() !== partition || sizeBytes > volume.sizeBytes) return 'other';
  return isSuspended || sizeBytes < volume.sizeBytes ? 'behind' : 'same';
}

function inWords(shown: Answer<Mapping>): string {
  if (shown.is !== 'present') return shown.is === 'absent' ? 'nothing' : shown.why;
  const { sizeBytes, on, isSuspended } = shown.value;
  return `${sizeBytes} bytes on ${on.join(' and ')}${isSuspended ? ', suspended' : ''}`;
}

/**
 * Makes the kernel forget a volume. It refuses while anybody in any namespace has it open.
 * @throws DriverError `in-use`, `host-failed`
 */
export async function dropMapping(exec: Exec, placed: Placed): Promise<void> {
  if ((await peekMapping(placed)).is === 'absent') return;
  const { device } = placed;
  const volume = volumeOf(placed);
  const what = `Logical volume ${volume.name} of ${device.disk.path}`;
  const ended = await exec(await commandOn(device, volume, deactivateCommand));
  const outcome = parseDeactivated(ended);
  if (outcome === 'in-use')
    throw new DriverError('in-use', `${what} is open somewhere: the kernel keeps it busy`);
  const shown = await peekMapping(placed);
  if (outcome === 'inactive' && shown.is === 'absent') return;
  const why = outcome === undefined ? ended.stderr.trim() : `the kernel still shows ${inWords(shown)}`;
  throw new DriverError('host-failed', `${what} could not be deactivated: ${why}`);
}

export type MappingFinding = {
  readonly mapping: Mapping;
  /** Undefined when the metadata do not tell of it. */
  readonly volume: LogicalVolume | undefined;
  readonly decided: Decided<MappingDecision>;
};

/** What the kernel shows on the partition of a group, against its metadata; nothing for devices without a group. */
export async function compareMappings(device: Device): Promise<readonly MappingFinding[]> {
  const { group } = device.carved;
  if (group === undefined) return [];
  const { name } = await physicalPartition(device);
  return (await readMappingsOn(name)).map((mapping) => {
    const volume = group.volumes.find((one) => mappingUuid(group, one) === mapping.uuid);
    const kernel = volume === undefined ? 'other' : kernelFact(mapping, volume, name);
    const decided = reconcileMapping({ metadata: volume === undefined ? 'none' : 'volume', kernel });
    return { mapping, volume, decided };
  });
}

export async function refreshMapping(exec: Exec, device: Device, volume: string): Promise<void> {
  await exec(await commandOn(device, { name: volume }, refreshCommand));
}

/**
 * Nothing new is put on a device where the kernel shows what the metadata do not tell of: nobody knows whose those
 * extents are.
 * @throws DriverError `host-failed`
 */
export async function expectNoStray(device: Device): Promise<void> {
  const stray = (await compareMappings(device)).find(({ decided }) => decided.decision === 'refuse');
  if (stray === undefined) return;
  const { path, aliases } = stray.mapping;
  throw new DriverError(
    'host-failed',
    `${path} (${aliases?.join()}) stands on ${device.disk.path}, and the metadata there do not tell of it so: ` +
      'remove it with dmsetup, or restart the machine',
  );
}
