import type { Exec } from '../host/exec.ts';
import { type Mapping, readMappingsOn } from '../host/mapped.ts';
import { type MdDevice, readMdDevices } from '../host/md.ts';
import { detailCommand, parseDetail } from '../host/mdadm.ts';
import { arrayIdentity } from '../model/array.ts';
import type { Disk } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import { isMade } from '../model/mark.ts';
import type { Uuid } from '../model/uuid.ts';
import type { Looked } from './look.ts';
import { passingOf } from './passing.ts';

/** An md device, whoever assembled it, that a member of an array of ours is a part of. */
export type SeenArray = {
  readonly md: MdDevice;
  readonly touches: readonly Uuid[];
  /** The array that it is; undefined when it has been put together otherwise than its members' notes say. */
  readonly uuid: Uuid | undefined;
  /** Parts that the kernel still counts as its own, and whose disks are gone. */
  readonly gone: readonly string[];
  /** What the kernel shows of the logical volumes on it. */
  readonly mappings: readonly Mapping[];
};

/**
 * Any other md device is somebody else's.
 * @param arrays all md devices as disks
 * @param known identities of arrays by their kernel names, from an earlier look at the same devices
 * @throws DriverError `unknown` when /sys cannot be read
 */
export async function seeArrays(
  exec: Exec,
  disks: readonly Looked[],
  arrays: readonly Disk[],
  known: ReadonlyMap<string, string | undefined>,
): Promise<readonly SeenArray[]> {
  const devices = await readMdDevices();
  const seen = await Promise.all(devices.map((md) => seeArray(exec, md, disks, known.get(md.name))));
  return Promise.all(
    seen
      .filter((one) => one !== undefined)
      .map(async (one) => ({ ...one, mappings: await mappingsOn(one, arrays) })),
  );
}

async function seeArray(
  exec: Exec,
  md: MdDevice,
  disks: readonly Looked[],
  known: string | undefined,
): Promise<Omit<SeenArray, 'mappings'> | undefined> {
  const { touches, only, gone } = membersIn(md, disks);
  if (touches.length === 0) return undefined;
  const isKnown =
    only !== undefined && (known === arrayIdentity(only) || (await readUuid(exec, md)) === only);
  return { md, touches, uuid: isKnown ? only : undefined, gone };
}

type MembersIn = Pick<SeenArray, 'touches' | 'gone'> & {
  /** The array that all of its parts may be of. */
  readonly only: Uuid | undefined;
};

/** Pure. */
export function membersIn(md: MdDevice, disks: readonly Looked[]): MembersIn {
  const parts = disks.flatMap((looked) =>
    [looked.disk, ...looked.disk.partitions]
      .filter(({ holders }) => holders.includes(md.name))
      .map(({ name }) => ({ name, looked })),
  );
  const notes = parts.flatMap(({ looked: { verdict } }) =>
    verdict.is === 'member' ? [verdict.mark.note] : [],
  );
  const touches = [...new Set(notes.map(({ arrayUuid }) => arrayUuid))];
  const named = new Set(notes.flatMap(({ members }) => members));
  const isPure = touches.length === 1 && parts.every(({ looked }) => mayBeMember(looked, named));
  const gone = md.parts.filter((part) => !parts.some(({ name }) => name === part));
  return { touches, only: isPure ? touches[0] : undefined, gone };
}

/** One that cannot be read now is what the others say. */
function mayBeMember(looked: Looked, named: ReadonlySet<string>): boolean {
  if (looked.verdict.is === 'member') return true;
  return named.has(looked.disk.identity ?? '') && passingOf(looked) !== undefined;
}

async function mappingsOn(
  { md, uuid }: Pick<SeenArray, 'md' | 'uuid'>,
  arrays: readonly Disk[],
): Promise<readonly Mapping[]> {
  if (uuid === undefined) return [];
  const partitions = arrays.find(({ name }) => name === md.name)?.partitions ?? [];
  const mappings = await Promise.all(partitions.map(({ name }) => readMappingsOn(name)));
  return mappings.flat().filter(({ isOurs }) => isOurs);
}

/** What the array says itself that it is; undefined when it does not. */
export async function readUuid(exec: Exec, { name }: Pick<MdDevice, 'name'>): Promise<Uuid | undefined> {
  try {
    return parseDetail((await exec(detailCommand(`/dev/${name}`))).stdout);
  } catch (error) {
    if (error instanceof DriverError) return undefined;
    throw error;
  }
}

/** The disk with its identity and its pool when it is an array of ours, else as it is. */
export function identifyArray(disk: Disk, arrays: readonly SeenArray[], disks: readonly Looked[]): Disk {
  const uuid = arrays.find(({ md }) => md.name === disk.name)?.uuid;
  const members = disks.flatMap(({ verdict }) =>
    verdict.is === 'member' && verdict.mark.note.arrayUuid === uuid ? [verdict.mark] : [],
  );
  const [first] = members;
  if (uuid === undefined || first === undefined) return disk;
  const array = { pool: first.note.pool, isMade: members.some(({ table }) => isMade(table)) };
  return { ...disk, identity: arrayIdentity(uuid), array };
}
