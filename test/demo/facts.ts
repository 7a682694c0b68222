import { readFile } from 'node:fs/promises';
import { TYPE_OWNER, TYPE_QUARANTINE, TYPE_VOLUME } from '../../src/model/gpt.ts';
import { run } from '../host/lab/tool.ts';

/** What stands on a disk and in the kernel, asked of the machine's own tools and never of the driver. */

export type Partition = {
  readonly number: number;
  readonly type: 'OWNER' | 'VOLUME' | 'QUARANTINE' | 'foreign';
  readonly uuid: string;
  readonly startBytes: bigint;
  readonly sizeBytes: bigint;
  readonly prepared: boolean;
};

type SfdiskTable = {
  readonly partitiontable: {
    readonly id: string;
    readonly sectorsize: number;
    readonly partitions?: readonly {
      readonly node: string;
      readonly start: number;
      readonly size: number;
      readonly type: string;
      readonly uuid?: string;
      readonly attrs?: string;
    }[];
  };
};

const TYPES: Readonly<Record<string, Partition['type']>> = {
  [TYPE_OWNER]: 'OWNER',
  [TYPE_VOLUME]: 'VOLUME',
  [TYPE_QUARANTINE]: 'QUARANTINE',
};

/** A disk's table as sfdisk reads it. */
export async function readTable(
  disk: string,
): Promise<{ readonly id: string; readonly partitions: readonly Partition[] }> {
  const { partitiontable } = JSON.parse(await run('sfdisk', ['--json', disk])) as SfdiskTable;
  const sector = BigInt(partitiontable.sectorsize);
  const partitions = (partitiontable.partitions ?? []).map((entry) => ({
    number: Number(/p(\d+)$/.exec(entry.node)?.[1]),
    type: TYPES[entry.type.toLowerCase()] ?? 'foreign',
    uuid: (entry.uuid ?? '').toLowerCase(),
    startBytes: BigInt(entry.start) * sector,
    sizeBytes: BigInt(entry.size) * sector,
    prepared: /GUID:(\d+,)*48\b/.test(entry.attrs ?? ''),
  }));
  return { id: partitiontable.id.toLowerCase(), partitions };
}

/** `/dev/loop0p2 on /mnt type xfs (rw,relatime,…)` of the topmost mount at exactly this path; undefined when none is there. */
export async function mountLine(target: string): Promise<string | undefined> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , , point = '', options = ''] = left.split(' ');
    const [type = '', source = ''] = right.split(' ');
    return point === target ? [`${source} on ${point} type ${type} (${options})`] : [];
  });
  return mounts.at(-1);
}

export type Filesystem = { readonly type: string; readonly uuid: string };

export async function readFilesystem(device: string): Promise<Filesystem> {
  const text = await run('blkid', ['--probe', '--output', 'export', device]);
  const field = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? 'none';
  return { type: field('TYPE'), uuid: field('UUID') };
}

/** The size of a block device as the kernel has it. */
export async function kernelBytes(device: string): Promise<bigint> {
  return BigInt((await run('blockdev', ['--getsize64', device])).trim());
}
