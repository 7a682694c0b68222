import { open, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parseMountinfo } from '../../src/host/proc.ts';
import { type GptCopy, parseGpt } from '../../src/model/gpt.ts';
import { decodeNote, NOTE_BYTES_MAX, NOTE_OFFSET } from '../../src/model/note.ts';
import { type CsiClient, call } from '../player/client.ts';

/** All that a driver leaves on a disk, in the kernel and in files, made comparable between two worlds. */
export type State = { readonly [part: string]: unknown };

export type Place = { readonly folder: string; readonly device: string; readonly client: CsiClient };

/** Names of folders and devices, random ids and times are replaced by what they stand for. */
export async function readState({ folder, device, client }: Place): Promise<State> {
  const disk = basename(device);
  const { note, table } = await readDisk(device);
  const state = {
    note,
    table,
    kernel: await kernelPartitions(disk),
    mounts: await mountsBelow(folder),
    stateDirectory: await recordsIn(join(folder, 'state')),
    targets: await tree(join(folder, 'kubelet')),
    ...(await answers(client)),
  };
  const random = note === undefined ? [] : [note.mark, note.ownerPartition];
  const names: readonly (readonly [string, string])[] = [
    [folder, '<world>'],
    ...random.map((id, at) => [id, `<random ${at}>`] as const),
  ];
  const text = names.reduce((sofar, [from, to]) => sofar.replaceAll(from, to), JSON.stringify(state, big));
  const generic = text
    .replaceAll(SLOT, '"slot":"<disk>"')
    .replaceAll(new RegExp(`${disk}(?![0-9])`, 'g'), '<disk>')
    .replaceAll(TIME, '<time>');
  return JSON.parse(generic) as State;
}

/** Where the disk was when the volume was made; a copy of it may be attached elsewhere. */
const SLOT = /"slot":"[^"]*loop\d+"/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/g;

const big = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);

/** What differs, a line for each part; empty when nothing does. */
export function differences(found: State, wanted: State): readonly string[] {
  return Object.keys(wanted)
    .filter((part) => !isDeepStrictEqual(found[part], wanted[part]))
    .map((part) => `${part}: found ${JSON.stringify(found[part])}, want ${JSON.stringify(wanted[part])}`);
}

const END_BYTES = 64 * 1024;

async function readDisk(device: string) {
  const file = await open(device, 'r');
  try {
    const sizeBytes = BigInt(await readFile(`/sys/class/block/${basename(device)}/size`, 'utf8')) * 512n;
    const read = async (at: bigint, length: number) =>
      (await file.read(Buffer.alloc(length), 0, length, Number(at))).buffer;
    const reading = decodeNote(await read(NOTE_OFFSET, NOTE_BYTES_MAX));
    const tail = await read(sizeBytes - BigInt(END_BYTES), END_BYTES);
    const { protectiveMbr, primary, backup } = parseGpt(await read(0n, END_BYTES), tail, 512, sizeBytes);
    const table = { protectiveMbr, primary: copyInWords(primary), backup: copyInWords(backup) };
    return { note: reading.is === 'note' ? reading.note : undefined, table };
  } finally {
    await file.close();
  }
}

function copyInWords(copy: GptCopy): unknown {
  return copy.is === 'whole' ? copy.table : copy;
}

async function kernelPartitions(disk: string): Promise<readonly string[]> {
  const names = (await readdir(`/sys/block/${disk}`)).filter((name) => name.startsWith(`${disk}p`)).sort();
  const read = async (name: string, what: string) =>
    (await readFile(`/sys/block/${disk}/${name}/${what}`, 'utf8')).trim();
  return Promise.all(
    names.map(async (name) => `${name}: ${await read(name, 'start')}+${await read(name, 'size')}`),
  );
}

export type SeenMount = {
  readonly target: string;
  readonly root: string;
  readonly fsType: string;
  readonly source: string;
  readonly readOnly: boolean;
};

/** In the order in which they were made. */
export async function mountsBelow(folder: string): Promise<readonly SeenMount[]> {
  const mounts = parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'));
  return mounts
    .filter(({ target }) => target.startsWith(`${folder}/`))
    .map(({ target, root, fsType, source, options }) => {
      return { target, root, fsType, source, readOnly: options.includes('ro') };
    });
}

/** Every file of the state directory by name; a record with its content. Journals of other tests do not live here. */
async function recordsIn(directory: string): Promise<unknown> {
  const files = await tree(directory);
  const read = async (name: string): Promise<readonly [string, unknown]> => [
    name,
    name.endsWith('.json') ? JSON.parse(await readFile(join(directory, name), 'utf8')) : 'file',
  ];
  return Object.fromEntries(await Promise.all(files.map(read)));
}

/** All names below a folder; what is mounted there is not entered. */
export async function tree(folder: string): Promise<readonly string[]> {
  const mounted = new Set((await mountsBelow(folder)).map(({ target }) => target));
  const walk = async (path: string): Promise<readonly string[]> => {
    const entries = await readdir(path, { withFileTypes: true });
    const lists = entries.map(async (entry) => {
      const own = join(path, entry.name);
      const below = entry.isDirectory() && !mounted.has(own) ? await walk(own) : [];
      return [entry.isDirectory() ? `${own}/` : own, ...below];
    });
    return (await Promise.all(lists)).flat();
  };
  const found = await walk(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return found.map((path) => path.slice(folder.length + 1)).sort();
}

async function answers({ controller }: CsiClient) {
  const capacity = await call(controller, controller.GetCapacity, {});
  const volumes = await call(controller, controller.ListVolumes, {});
  return {
    capacity: [capacity.available_capacity, capacity.maximum_volume_size?.value],
    volumes: volumes.entries.map(({ volume }) => [volume?.volume_id, volume?.capacity_bytes]),
  };
}

/**
 * Processes that work on a world and are neither its driver nor one of the driver's children: what a killed driver left
 * behind.
 */
export async function orphans(
  { folder, device }: Pick<Place, 'folder' | 'device'>,
  driverPid: number | undefined,
): Promise<readonly string[]> {
  const ours = new RegExp(`${folder}/|${device}(?![0-9])`);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== driverPid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const argv = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      // A driver's tracer belongs to it, and ends with it.
      if (!ours.test(argv) || (driverPid !== undefined && argv.startsWith('strace\0'))) return [];
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      const parent = Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]);
      return status === '' || parent === driverPid ? [] : [`${pid} ${argv.replaceAll('\0', ' ')}`];
    }),
  );
  return found.flat();
}
