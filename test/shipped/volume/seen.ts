import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type ServiceError, status } from '@grpc/grpc-js';
import { run } from '../../host/lab/tool.ts';
import type { Made } from '../../player/player.ts';
import { eventually, type World } from './world.ts';

/** What can be seen from outside: answers, tables, mounts, bytes. */

export type Refused = { readonly code: string; readonly message: string };

/** How a call was refused. @throws when it was not */
export async function refusal(call: Promise<unknown>): Promise<Refused> {
  try {
    await call;
  } catch (error) {
    const { code, details } = error as ServiceError;
    if (typeof code !== 'number') throw error;
    return { code: status[code], message: details };
  }
  throw new Error('it was not refused');
}

export type Entry = {
  readonly number: number;
  readonly startBytes: bigint;
  readonly sizeBytes: bigint;
  readonly type: string;
  readonly uuid: string;
  readonly name: string;
  readonly attributes: string;
};

type SfdiskJson = {
  readonly partitiontable: {
    readonly sectorsize: number;
    readonly partitions?: readonly {
      readonly node: string;
      readonly start: number;
      readonly size: number;
      readonly type: string;
      readonly uuid: string;
      readonly name?: string;
      readonly attrs?: string;
    }[];
  };
};

/** The table of a disk, as sfdisk reads it. */
export async function tableOf(device: string): Promise<readonly Entry[]> {
  const { partitiontable } = JSON.parse(await run('sfdisk', ['--json', device])) as SfdiskJson;
  const sector = BigInt(partitiontable.sectorsize);
  return (partitiontable.partitions ?? []).map((one) => ({
    number: Number(one.node.slice(`${device}p`.length)),
    startBytes: BigInt(one.start) * sector,
    sizeBytes: BigInt(one.size) * sector,
    type: one.type.toLowerCase(),
    uuid: one.uuid.toLowerCase(),
    name: one.name ?? '',
    attributes: one.attrs ?? '',
  }));
}

export const VOLUME_TYPE = '478626e7-634c-4af3-a531-30d16deffc79';
export const QUARANTINE_TYPE = '73a1439c-53e5-4593-b5bf-673de5e677e3';

/** The entry of a volume. @throws when the disk has none */
export async function entryOf(device: string, id: string): Promise<Entry> {
  const entry = (await tableOf(device)).find(({ uuid }) => uuid === id);
  if (entry === undefined) throw new Error(`no slice ${id} on ${device}`);
  return entry;
}

export async function partitionOf(device: string, id: string): Promise<string> {
  return `${device}p${(await entryOf(device, id)).number}`;
}

export async function bytesOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

export type MountLine = {
  readonly target: string;
  readonly root: string;
  readonly options: readonly string[];
  readonly fsType: string;
  readonly source: string;
};

/** Mounts at a path, the uppermost last. */
export async function mountsAt(path: string): Promise<readonly MountLine[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line !== '');
  const mounts = lines.map((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root = '', target = '', options = ''] = left.split(' ');
    const [fsType = '', source = ''] = right.split(' ');
    return { target, root, options: options.split(','), fsType, source };
  });
  return mounts.filter(({ target }) => target === path);
}

/** The one condition of a volume, or undefined when nothing is wrong. */
export async function healthOf({ player }: World, made: Made) {
  const { volume_health } = await player.health(made);
  const [condition, more] = volume_health?.health_statuses ?? [];
  if (more !== undefined) throw new Error(`more than one condition: ${JSON.stringify(more)}`);
  return condition;
}

/** Waits until the driver tells this of the volume. */
export function untilHealth(world: World, made: Made, reason: string) {
  return eventually(async () => {
    const health = await healthOf(world, made);
    return health?.reason === reason && health;
  });
}

export async function untilAvailable(
  { player }: World,
  bytes: bigint,
  parameters: Readonly<Record<string, string>> = {},
): Promise<void> {
  await eventually(async () => (await player.capacity(parameters)).availableBytes >= bytes);
}

/** The different bytes that a range of a device or image holds, as the medium has them. */
export async function rangeHolds(
  path: string,
  offsetBytes: bigint,
  lengthBytes: bigint,
): Promise<readonly number[]> {
  // The disk's page cache may be older than what was written through a partition.
  if (path.startsWith('/dev/')) await run('blockdev', ['--flushbufs', path]);
  const seen = new Set<number>();
  const range = { start: Number(offsetBytes), end: Number(offsetBytes + lengthBytes) - 1 };
  for await (const chunk of createReadStream(path, { ...range, highWaterMark: 1 << 20 })) {
    const bytes = chunk as Buffer;
    if (bytes.some((byte) => byte !== bytes[0])) for (const byte of bytes) seen.add(byte);
    else if (bytes[0] !== undefined) seen.add(bytes[0]);
  }
  return [...seen].sort((a, b) => a - b);
}
