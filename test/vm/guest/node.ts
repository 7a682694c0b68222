import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { call } from '../../player/client.ts';
import { commonOptions, Driver, launcher } from '../../player/driver.ts';
import { type Made, Player, type Wanted } from '../../player/player.ts';

/**
 * A node in the guest: the shipped driver, its records where they are on a node, and who plays the kubelet. For
 * `machine.module()`; a new boot wants a new start().
 */

const NODE = {
  folder: '/run/driver',
  stateDir: '/var/lib/instance-store-csi',
  node: 'vm',
  machine: false,
} as const;
/** Each disk is read for its taking, and an emulated machine reads slowly. */
const READY_TIMEOUT_MS = 15 * 60_000;
const AVAILABLE_TIMEOUT_MS = 5 * 60_000;
const LOG_LINES = 15;
const BLOCK_BYTES = 4096;
const POLL_MS = 200;

type Environment = Readonly<Record<string, string>>;

let driver: Driver | undefined;
const player = new Player(() => running().client, '/var/lib/kubelet');

function running(): Driver {
  if (driver === undefined) throw new Error('no driver was started in this boot');
  return driver;
}

async function spawn(config: object | undefined, env: Environment): Promise<Driver> {
  return Driver.spawn({ ...NODE, config: config === undefined ? false : JSON.stringify(config), env });
}

/** @param config without it, the built-in pool */
export async function start(config?: object, env: Environment = {}): Promise<void> {
  driver = await spawn(config, env);
  try {
    await driver.ready(READY_TIMEOUT_MS);
  } catch (error) {
    throw new Error(await log(), { cause: error });
  }
}

/** Whether a driver was started, and has not ended since. */
export const isRunning = (): boolean => driver !== undefined && !driver.ended();

/** Takes disks as another node, which leaves no record here. */
export async function startElsewhere(config: object): Promise<void> {
  const elsewhere = { node: 'elsewhere', machine: 'elsewhere', stateDir: `${NODE.folder}/elsewhere` };
  driver = await Driver.spawn({ ...NODE, ...elsewhere, config: JSON.stringify(config) });
  await driver.ready(READY_TIMEOUT_MS);
}

export const stop = (): Promise<void> => running().stop();
export const kill = (): Promise<void> => running().kill();

/** The end of the driver's log. */
export async function log(): Promise<string> {
  const text = await readFile(running().logFile, 'utf8');
  return text.split('\n').slice(-LOG_LINES).join('\n');
}

/** Why the driver left disks alone in this boot, by their paths. */
export async function refusals(): Promise<ReadonlyMap<string, string>> {
  const told = await notices();
  return new Map(told.filter(({ msg }) => msg === 'disk-refused').map(({ disk, reason }) => [disk, reason]));
}

type Told = { readonly msg: string; readonly disk: string; readonly reason: string };

/** What the driver has told in this boot, line by line. */
export async function notices(): Promise<readonly Told[]> {
  const lines = (await readFile(running().logFile, 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Told);
}

export const create = (wanted: Wanted): Promise<Made> => player.create(wanted);
export const stage = (made: Made): Promise<string> => player.stage(made);
export const publish = (made: Made): Promise<string> => player.publish(made);
export const expand = (made: Made, sizeBytes: bigint): Promise<bigint> => player.expand(made, sizeBytes);
export const unpublish = (made: Made): Promise<void> => player.unpublish(made);
export const unstage = (made: Made): Promise<void> => player.unstage(made);
export const remove = ({ id }: Made): Promise<void> => player.delete(id);
export const capacity = (parameters: Wanted['parameters'] = {}) => player.capacity(parameters);

/**
 * What is deleted is sanitized after the answer. And a probe may take too long on a machine that others want too, or
 * that is emulated: the driver then asks again by itself.
 */
export async function untilAvailable(bytes: bigint, parameters: Wanted['parameters'] = {}): Promise<void> {
  for (const deadline = Date.now() + AVAILABLE_TIMEOUT_MS; ; await sleep(POLL_MS)) {
    const { availableBytes } = await player.capacity(parameters);
    if (availableBytes >= bytes) return;
    if (Date.now() > deadline)
      throw new Error(`${availableBytes} bytes are available, not ${bytes}\n${await log()}`);
  }
}

type Finding = { readonly status: string; readonly reason: string; readonly message: string };

const inWords = ({ status, reason, message }: Finding): string => `${status} ${reason}: ${message}`;

/** `STATUS REASON: message` of each finding. */
export async function health(made: Made): Promise<readonly string[]> {
  const { volume_health } = await player.health(made);
  return (volume_health?.health_statuses ?? []).map(inWords);
}

export async function storageHealth(): Promise<readonly string[]> {
  const { node } = running().client;
  const { backend_health } = await call(node, node.NodeGetStorageHealth, {});
  return backend_health.map(inWords);
}

/** What a command of the driver's says to machines, by the configuration of the last start. */
export async function report(...words: string[]): Promise<unknown> {
  const argv = [...words, '--json', ...commonOptions(NODE)];
  const { stdout } = await promisify(execFile)(launcher(), argv, { maxBuffer: 16 * 1024 ** 2 });
  return JSON.parse(stdout);
}

/** The ids of all volumes. */
export async function list(): Promise<readonly string[]> {
  const { controller } = running().client;
  const { entries } = await call(controller, controller.ListVolumes, {});
  return entries.map(({ volume }) => volume?.volume_id ?? '').toSorted();
}

export const targetPath = (made: Made): string => player.targetPath(made);

/** Where a tenant writes to a volume that is published: the device, or a file in the filesystem. */
function place(made: Made): string {
  const target = targetPath(made);
  return made.wanted.access === 'block' ? target : `${target}/data`;
}

/** As a tenant: so many bytes, and an fsync. */
export async function write(made: Made, sizeBytes: number): Promise<void> {
  await using file = await open(place(made), constants.O_WRONLY | constants.O_CREAT);
  await file.writeFile(bytesOf(made, sizeBytes));
  await file.sync();
}

/** @throws when the volume holds anything else than what write() wrote */
export async function expectWritten(made: Made, sizeBytes: number): Promise<void> {
  await using file = await open(place(made), 'r');
  const { buffer } = await file.read(Buffer.alloc(sizeBytes), 0, sizeBytes, 0);
  const wanted = bytesOf(made, sizeBytes);
  const at = buffer.findIndex((byte, offset) => byte !== wanted[offset]);
  if (at >= 0) throw new Error(`${place(made)}: byte ${at} is not as it was written`);
}

/** Each block names its volume and itself, so that one in another's place is noticed. */
function bytesOf({ id }: Made, sizeBytes: number): Buffer {
  const blocks = Array.from({ length: sizeBytes / BLOCK_BYTES }, (_, at) =>
    Buffer.alloc(BLOCK_BYTES, `${id} ${at} `),
  );
  return Buffer.concat(blocks);
}
