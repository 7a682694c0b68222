import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readTable } from '../../demo/facts.ts';

/** What volumes leave behind, asked of the tables, the kernel and the state directory, never of the driver. */
export type Traces = {
  /** Of every disk: what its table has besides the owner entry. */
  readonly slices: readonly string[];
  /** Of every disk: what the kernel shows besides p1. */
  readonly kernel: readonly string[];
  readonly mounts: readonly string[];
  readonly records: readonly string[];
};

export const NO_TRACES: Traces = { slices: [], kernel: [], mounts: [], records: [] };

export async function tracesOf(disks: readonly string[], folder: string, stateDir: string): Promise<Traces> {
  const mountinfo = await readFile('/proc/self/mountinfo', 'utf8');
  return {
    slices: (await Promise.all(disks.map(slicesOn))).flat(),
    kernel: (await Promise.all(disks.map(kernelPartitionsOf))).flat(),
    mounts: mountinfo.split('\n').filter((line) => line.includes(folder)),
    records: await readdir(join(stateDir, 'volumes')),
  };
}

async function slicesOn(disk: string): Promise<readonly string[]> {
  const { partitions } = await readTable(disk);
  return partitions
    .filter(({ type }) => type !== 'OWNER')
    .map(({ number, type, uuid }) => `${disk} ${number} ${type} ${uuid}`);
}

async function kernelPartitionsOf(disk: string): Promise<readonly string[]> {
  const name = basename(disk);
  const children = (await readdir(`/sys/block/${name}`)).filter((child) => child.startsWith(`${name}p`));
  return children.filter((child) => child !== `${name}p1`);
}

/** Pairs of entries of one table that share a byte. */
export async function overlapsOn(disk: string): Promise<readonly string[]> {
  const { partitions } = await readTable(disk);
  const sorted = partitions.toSorted((a, b) => (a.startBytes < b.startBytes ? -1 : 1));
  return sorted.flatMap(({ number, startBytes }, at) => {
    const before = sorted[at - 1];
    const clear = before === undefined || before.startBytes + before.sizeBytes <= startBytes;
    return clear ? [] : [`${disk}: ${before.number} and ${number}`];
  });
}
