import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Answer } from '../model/answer.ts';
import type { Disk, KernelPartition, Transport } from '../model/disk.ts';
import { isOurMapping } from '../model/group.ts';
import { identityOf } from './identity.ts';
import { answer, bytes, isNoAttribute, linkTarget, names, orUnknown, text } from './sysfs-files.ts';

/** What the kernel says of disks in /sys, read in-process: these files come from memory and do not touch a disk. */

/** sysfs counts 512-byte units whatever the disk's blocks are. */
const UNIT_BYTES = 512n;
/** Half of one disk and half of its successor prove nothing: what changed meanwhile is read again. */
const READS_MAX = 3;

/**
 * Every whole block device of a size, ordered by name. Left out: RAM disks, devices without a medium, the hidden
 * single paths of NVMe multipath, our own logical volumes, and disks that vanish meanwhile.
 * @throws {DriverError} `unknown` when /sys cannot be read
 */
export async function listDisks(root = '/sys', dev = '/dev'): Promise<readonly Disk[]> {
  return orUnknown('list the disks', async () => {
    const names = (await readdir(join(root, 'block'))).filter((name) => !/^ram\d/.test(name)).toSorted();
    const byIds = await readByIds(dev);
    const disks = await Promise.all(names.map((name) => diskAt(root, dev, name, byIds)));
    return disks.filter((disk) => disk !== undefined);
  });
}

/** One disk by its kernel name; absent also for what listDisks() leaves out. */
export function readDisk(name: string, root = '/sys', dev = '/dev'): Promise<Answer<Disk>> {
  return answer(async () => diskAt(root, dev, name, await readByIds(dev)));
}

/** What tells a disk from another one of its name, in four small reads: for the hot path. */
export type DiskStamp = Pick<Disk, 'majorMinor' | 'diskSeq' | 'sizeBytes'>;

export function readDiskStamp(name: string, root = '/sys'): Promise<Answer<DiskStamp>> {
  return answer(() => stampOf(join(root, 'block', name)));
}

/** A partition as the kernel has it this moment. */
export function readPartition(
  diskName: string,
  number: number,
  root = '/sys',
  dev = '/dev',
): Promise<Answer<KernelPartition>> {
  return answer(() => partitionAt(join(root, 'block', diskName), partitionName(diskName, number), dev));
}

/** `sda1`, but `nvme0n1p1`: the kernel separates digits by a p. */
function partitionName(diskName: string, number: number): string {
  return /\d$/.test(diskName) ? `${diskName}p${number}` : `${diskName}${number}`;
}

/** An attached loop device; the file as the kernel names it, `(deleted)` included. */
export type Loop = { readonly name: string; readonly backingFile: string };

export function readLoops(root = '/sys'): Promise<readonly Loop[]> {
  return orUnknown('list the loop devices', async () => {
    const names = (await readdir(join(root, 'block'))).filter((name) => name.startsWith('loop')).toSorted();
    const loops = await Promise.all(
      names.map(async (name) => ({
        name,
        backingFile: await text(join(root, 'block', name, 'loop/backing_file')),
      })),
    );
    return loops.filter((loop) => loop.backingFile !== '');
  });
}

/** Names of the loop devices that were attached to this path. */
export async function loopsOn(path: string, root = '/sys'): Promise<readonly string[]> {
  return (await readLoops(root)).filter((loop) => loop.backingFile === path).map((loop) => loop.name);
}

async function diskAt(
  root: string,
  dev: string,
  name: string,
  byIds: ReadonlyMap<string, readonly string[]>,
): Promise<Disk | undefined> {
  const dir = join(root, 'block', name);
  if (name.startsWith('dm-') && isOurMapping(await text(join(dir, 'dm/name')))) return undefined;
  let before = await stampOf(dir);
  for (let reads = 0; reads < READS_MAX; reads += 1) {
    if (before === undefined || before.sizeBytes === 0n) return undefined;
    const stamp = before;
    const disk = { ...(await attributes(dir, dev, name)), ...stamp, byIds: byIds.get(name) ?? [] };
    before = await stampOf(dir);
    if (before !== undefined && isDeepStrictEqual(before, stamp)) return disk;
  }
  throw new Error(`${dir} changes while it is read`);
}

/**
 * What tells a disk from its successor of the same name; undefined when its folder is gone. A hidden path of multipath
 * has no number to be opened by.
 */
async function stampOf(dir: string): Promise<DiskStamp | undefined> {
  const [majorMinor, size, diskSeq, hidden] = await Promise.all(
    ['dev', 'size', 'diskseq', 'hidden'].map((file) => text(join(dir, file))),
  );
  if (hidden === '1') return undefined;
  if (!majorMinor || !size) {
    if (await isGone(dir)) return undefined;
    throw new Error(`${dir} has no size`);
  }
  return { majorMinor, diskSeq: diskSeq || undefined, sizeBytes: BigInt(size) * UNIT_BYTES };
}

async function isGone(dir: string): Promise<boolean> {
  try {
    await stat(dir);
    return false;
  } catch (error) {
    if (isNoAttribute(error)) return true;
    throw error;
  }
}

async function attributes(dir: string, dev: string, name: string) {
  const sysPath = await resolved(dir);
  const transport = transportOf(sysPath);
  const { model, serial, identity } = await identify(dir, transport);
  return {
    name,
    path: devicePath(dev, name),
    sysPath,
    logicalBlockBytes: Number((await text(join(dir, 'queue/logical_block_size'))) || 512),
    readOnly: (await text(join(dir, 'ro'))) === '1',
    removable: (await text(join(dir, 'removable'))) === '1',
    transport,
    model,
    serial,
    identity,
    holders: await names(join(dir, 'holders')),
    partitions: await partitionsOf(dir, dev, name),
    array: undefined,
  };
}

async function identify(dir: string, transport: Transport) {
  const read = (file: string) => text(join(dir, file));
  const model = await read('device/model');
  const serial = (await read('serial')) || (await read('device/serial')) || (await unitSerial(dir));
  const wwid = (await read('wwid')) || (await read('device/wwid'));
  const nsid = await read('nsid');
  const backingFile = await read('loop/backing_file');
  return { model, serial, identity: identityOf({ transport, wwid, model, serial, nsid, backingFile }) };
}

/** SCSI's unit serial number page: four bytes of header, then text. */
async function unitSerial(dir: string): Promise<string> {
  const page = await bytes(join(dir, 'device/vpd_pg80'));
  return page.subarray(4).toString('latin1').replaceAll('\0', ' ').trim();
}

async function partitionsOf(dir: string, dev: string, name: string): Promise<readonly KernelPartition[]> {
  const children = (await names(dir)).filter((child) => child.startsWith(name));
  const partitions = await Promise.all(children.map((child) => partitionAt(dir, child, dev)));
  return partitions.filter((one) => one !== undefined).toSorted((a, b) => a.number - b.number);
}

async function partitionAt(dir: string, name: string, dev: string): Promise<KernelPartition | undefined> {
  const at = join(dir, name);
  const [number, majorMinor, start, size] = await Promise.all(
    ['partition', 'dev', 'start', 'size'].map((file) => text(join(at, file))),
  );
  if (!number || !majorMinor || !start || !size) return undefined;
  return {
    number: Number(number),
    name,
    path: devicePath(dev, name),
    majorMinor,
    startBytes: BigInt(start) * UNIT_BYTES,
    sizeBytes: BigInt(size) * UNIT_BYTES,
    holders: await names(join(at, 'holders')),
  };
}

/** In sysfs a `!` stands for the slash of names such as cciss/c0d0. */
function devicePath(dev: string, name: string): string {
  return join(dev, name.replaceAll('!', '/'));
}

/** Under /sys whatever the root is. */
async function resolved(dir: string): Promise<string> {
  return join('/sys/block', await linkTarget(dir));
}

/** From where the device hangs; ATA, SAS and USB disks are SCSI to the kernel. */
export function transportOf(sysPath: string): Transport {
  if (/\/nvme[^/]*\/nvme[^/]*$/.test(sysPath)) return 'nvme';
  if (/\/host\d+\/(.*\/)?target/.test(sysPath)) return 'scsi';
  if (/\/virtio\d+\/block\//.test(sysPath)) return 'virtio';
  if (/\/virtual\/block\/md[^/]*$/.test(sysPath)) return 'md';
  return /\/loop\d+$/.test(sysPath) ? 'loop' : 'other';
}

async function readByIds(dev: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const folder = join(dev, 'disk/by-id');
  const found = new Map<string, string[]>();
  for (const link of await names(folder)) {
    const target = basename(await linkTarget(join(folder, link)));
    found.set(target, [...(found.get(target) ?? []), link]);
  }
  return found;
}

/** Whether a disk takes discards at all; `unknown` is no, as sanitizing must end. */
export async function canDiscard(name: string, root = '/sys'): Promise<boolean> {
  const text = await readFile(`${root}/block/${name}/queue/discard_max_bytes`, 'utf8').catch(() => '0');
  return /^[1-9]/.test(text);
}

/**
 * The kernel's count of writes and discards on a disk and its partitions since it came, as text to compare: equal
 * counts mean that nothing was written in between. Undefined when it cannot be read or the disk does not count.
 * @see Documentation/ABI/stable/sysfs-block, `stat` and `queue/iostats`
 */
export async function readWriteCount(name: string, root = '/sys'): Promise<string | undefined> {
  const text = (file: string) => readFile(`${root}/block/${name}/${file}`, 'utf8').catch(() => '');
  const [stat, counting] = await Promise.all([text('stat'), text('queue/iostats')]);
  const fields = stat.trim().split(/\s+/);
  return counting.trim() === '1' && fields.length > 13
    ? [4, 6, 11, 13].map((at) => fields[at]).join('/')
    : undefined;
}
