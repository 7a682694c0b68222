import { createHash, randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBytes, GIB, MIB } from '../../src/model/bytes.ts';
import type { Made } from '../player/player.ts';
import { commandsIn } from './driver-log.ts';
import { kernelBytes, mountLine, readFilesystem, readTable } from './facts.ts';
import { expect, findPartition, type Play, rangeOf, timed } from './play.ts';

/** A volume's life up to its full size: what provisioner and kubelet ask, and what then stands on the disk. */

const SIZE_BYTES = GIB;
const GROWN_BYTES = 3n * GIB;
const FILE_BYTES = 16n * MIB;

/** A volume of the demo, and where it lies. */
export type Volume = {
  readonly made: Made;
  readonly disk: string;
  readonly number: number;
  readonly device: string;
};

export async function create(play: Play, disks: readonly string[]): Promise<Volume> {
  const made = await createVolume(play, disks);
  const found = await findPartition(disks, made.id);
  if (found === undefined) throw new Error(`no table has an entry with the PARTUUID ${made.id}`);
  return {
    made,
    disk: found.disk,
    number: found.entry.number,
    device: `${found.disk}p${found.entry.number}`,
  };
}

async function createVolume(play: Play, disks: readonly string[]): Promise<Made> {
  const made = Promise.withResolvers<Made>();
  await play.step('create', async () => {
    const wanted = { name: 'pvc-demo', sizeBytes: SIZE_BYTES, access: 'xfs' } as const;
    const { value, tookMs, commands } = await play.call('CreateVolume', () => play.player.create(wanted));
    const found = await findPartition(disks, value.id);
    expect(
      'the entry',
      `${found?.entry.type}, ${found?.entry.sizeBytes} bytes`,
      `VOLUME, ${SIZE_BYTES} bytes`,
    );
    expect('the prepared bit', found?.entry.prepared, false);
    made.resolve(value);
    const range = found === undefined ? '' : rangeOf(found.entry);
    const happened = [
      `${found?.disk}: ${range}, VOLUME, not prepared`,
      `handle = PARTUUID = ${value.id}`,
      commands,
    ];
    return { asked: `CreateVolume "${wanted.name}", ${formatBytes(SIZE_BYTES)}, xfs`, happened, tookMs };
  });
  return made.promise;
}

export async function stage(play: Play, { made, disk, number, device }: Volume): Promise<void> {
  await play.step('stage', async () => {
    const {
      value: path,
      tookMs,
      commands,
    } = await play.call('NodeStageVolume', () => play.player.stage(made));
    const { type, uuid } = await readFilesystem(device);
    expect('the filesystem', `${type} ${uuid}`, `xfs ${made.id}`);
    const entry = (await readTable(disk)).partitions.find((one) => one.number === number);
    expect('the prepared bit', entry?.prepared, true);
    const happened = [
      `${device}: ${type}, UUID ${uuid} (the handle); prepared bit set in the table`,
      play.short(await mustBeMounted(path)),
      commands,
    ];
    return { asked: 'NodeStageVolume: a filesystem, made once, and its mount', happened, tookMs };
  });
}

export async function publish(play: Play, { made }: Volume): Promise<string> {
  await play.step('publish', async () => {
    const { value, tookMs, commands } = await play.call('NodePublishVolume', () => play.player.publish(made));
    const happened = [play.short(await mustBeMounted(value)), commands];
    return { asked: 'NodePublishVolume: bound to where pod-1 sees it', happened, tookMs };
  });
  return play.player.targetPath(made);
}

/** @returns the SHA-256 of what was written */
export async function writeFile(play: Play, target: string): Promise<string> {
  const bytes = randomBytes(Number(FILE_BYTES));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await play.step('write', async () => {
    const [, tookMs] = await timed(() => writeDurably(join(target, 'orders.db'), bytes));
    const happened = [`SHA-256 ${sha256}`];
    return {
      asked: `orders.db, ${formatBytes(FILE_BYTES)} of random bytes, fsynced, through the mount`,
      happened,
      tookMs,
    };
  });
  return sha256;
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx');
  await file.writeFile(bytes);
  await file.sync();
}

export async function stats(play: Play, { made }: Volume): Promise<void> {
  await play.step('stats', async () => {
    const { value, tookMs, commands } = await play.call('NodeGetVolumeStats', () => play.player.stats(made));
    const of = (unit: string) => value.usage.find((one) => one.unit === unit);
    const [bytes, inodes] = [of('BYTES'), of('INODES')];
    const size = (text: string | undefined): string => formatBytes(BigInt(text ?? '0'));
    expect('used, when 16 MiB were written,', BigInt(bytes?.used ?? 0) >= FILE_BYTES, true);
    const happened = [
      `${size(bytes?.used)} used of ${size(bytes?.total)}; ${inodes?.used} inodes used of ${inodes?.total}`,
      commands,
    ];
    return { asked: 'NodeGetVolumeStats', happened, tookMs };
  });
}

export async function killAndStart(play: Play, target: string, config: string): Promise<void> {
  await play.step('kill -9', async () => {
    const { pid } = play.driver.process;
    const [, tookMs] = await timed(() => play.driver.kill());
    expect('how the driver ended', play.driver.process.signalCode, 'SIGKILL');
    await mustBeMounted(target);
    return {
      asked: `the driver, process ${pid}`,
      happened: ['the mount stays: nothing of a volume lives in the driver'],
      tookMs,
    };
  });
  await play.step('start', async () => {
    await play.log.fresh();
    const [, tookMs] = await timed(() => play.startDriver(config));
    const commands = commandsIn(await play.log.fresh());
    const asked = `a new driver, process ${play.driver.process.pid}, on the same disks and records`;
    return { asked, happened: [`ready, with the volume as it was; ${commands}`], tookMs };
  });
}

export async function readBack(play: Play, { made }: Volume, target: string, sha256: string): Promise<void> {
  await play.step('read', async () => {
    const [bytes, tookMs] = await timed(() => readFile(join(target, 'orders.db')));
    expect('the SHA-256 of orders.db', createHash('sha256').update(bytes).digest('hex'), sha256);
    const { value } = await play.call('NodeGetVolumeHealth', () => play.player.health(made));
    expect('the number of findings on its health', value.volume_health?.health_statuses?.length ?? 0, 0);
    return {
      asked: 'orders.db, back',
      happened: ['the same SHA-256; NodeGetVolumeHealth finds nothing wrong'],
      tookMs,
    };
  });
}

export async function expand(
  play: Play,
  { made, disk, number, device }: Volume,
  target: string,
): Promise<void> {
  await play.step('expand', async () => {
    const act = () => play.player.expand(made, GROWN_BYTES);
    const { value, tookMs, commands } = await play.call('NodeExpandVolume', act);
    const entry = (await readTable(disk)).partitions.find((one) => one.number === number);
    if (entry === undefined) throw new Error(`partition ${number} of ${disk} is gone`);
    for (const found of [value, entry.sizeBytes, await kernelBytes(device)])
      expect('the size', found, GROWN_BYTES);
    await mustBeMounted(target);
    const happened = [`${disk}: ${rangeOf(entry)} in table, kernel and filesystem`, commands];
    return {
      asked: `NodeExpandVolume to ${formatBytes(GROWN_BYTES)}, mounted all the while`,
      happened,
      tookMs,
    };
  });
}

async function mustBeMounted(path: string): Promise<string> {
  const line = await mountLine(path);
  if (line === undefined) throw new Error(`nothing is mounted at ${path}`);
  return line;
}
