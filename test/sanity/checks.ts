import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TYPE_MEMBER } from '../../src/model/gpt.ts';
import { run } from '../host/lab/tool.ts';
import { call } from '../player/client.ts';
import type { Driver } from '../player/driver.ts';
import { NOT_ADVERTISED } from './expected-skips.ts';

/** What csi-sanity does not look at: each check is a sentence, and what contradicts it. */
export type Check = { readonly name: string; readonly against: readonly string[] };

const SANITIZE_TIMEOUT_MS = 5 * 60_000;
const POLL_MS = 100;
const PINO_ERROR = 50;
const TAIL_LINES = 40;

export type Bench = { readonly driver: Driver; readonly device: string; readonly folder: string };

/** @param availableBytes what there was before the first volume */
export async function checksAfter(bench: Bench, availableBytes: bigint): Promise<readonly Check[]> {
  await untilSanitized(bench.device);
  return [
    {
      name: 'the driver advertises nothing whose tests are left out',
      against: await advertised(bench.driver),
    },
    { name: 'no slice is left on the disk', against: await slices(bench.device) },
    { name: 'the capacity is what it was', against: await lostCapacity(bench.driver, availableBytes) },
    { name: 'no volume is listed', against: await volumes(bench.driver) },
    { name: 'no mount is left', against: await mounts(bench) },
    { name: 'the driver logged no error', against: await errors(bench.driver) },
  ];
}

/** All that the driver can carve now. */
export async function availableBytes({ client }: Driver): Promise<bigint> {
  const { controller } = client;
  const { available_capacity } = await call(controller, controller.GetCapacity, {});
  return BigInt(available_capacity);
}

/** A deleted slice is sanitized after the answer; what is still there when the time is up is reported by the checks. */
async function untilSanitized(device: string): Promise<void> {
  const until = Date.now() + SANITIZE_TIMEOUT_MS;
  while ((await slices(device)).length > 0 && Date.now() < until) await sleep(POLL_MS);
}

async function advertised({ client: { identity, controller } }: Driver): Promise<readonly string[]> {
  const plugin = await call(identity, identity.GetPluginCapabilities, {});
  const rpcs = await call(controller, controller.ControllerGetCapabilities, {});
  const names: readonly (string | undefined)[] = [
    ...plugin.capabilities.map(({ service }) => service?.type),
    ...rpcs.capabilities.map(({ rpc }) => rpc?.type),
  ];
  return NOT_ADVERTISED.map(({ capability }) => capability).filter((name) => names.includes(name));
}

type Table = {
  readonly partitiontable: {
    readonly partitions: readonly { readonly type: string; readonly node: string }[];
  };
};

/** Every partition but the first, which bears the owner's note; of what LVM carves, every logical volume. */
async function slices(device: string): Promise<readonly string[]> {
  const { partitiontable } = JSON.parse(await run('sfdisk', ['--json', device])) as Table;
  const partitions = partitiontable.partitions.filter(({ node }) => node !== `${device}p1`);
  const [physical] = partitions.filter(({ type }) => type.toLowerCase() === TYPE_MEMBER);
  if (physical !== undefined) return logicalVolumes(physical.node);
  return partitions.map(({ node, type }) => `${node} of type ${type}`);
}

async function logicalVolumes(physical: string): Promise<readonly string[]> {
  const args = ['--foreign', '--noheadings', '--options', 'lv_name,lv_tags', '--devices', physical];
  return (await run('lvs', args))
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

async function lostCapacity(driver: Driver, before: bigint): Promise<readonly string[]> {
  const now = await availableBytes(driver);
  return now === before ? [] : [`${now} bytes, before the first volume ${before}`];
}

async function volumes({ client: { controller } }: Driver): Promise<readonly string[]> {
  const { entries } = await call(controller, controller.ListVolumes, {});
  return entries.map(({ volume }) => volume?.volume_id ?? 'an entry without a volume');
}

/** Mounts below the folder, filesystems on the disk, and binds of its device nodes. */
async function mounts({ folder, device }: Bench): Promise<readonly string[]> {
  const node = new RegExp(`/${basename(device)}(p\\d+)?(//deleted)?( |$)`);
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines.filter((line) => line.includes(`${folder}/`) || node.test(line));
}

async function errors({ logFile }: Driver): Promise<readonly string[]> {
  return (await readLog(logFile)).filter(({ level }) => level >= PINO_ERROR).map(({ text }) => text);
}

type LogLine = { readonly level: number; readonly atMs: number; readonly text: string };

/** The driver's log; what is no JSON, a stack trace of Node say, is an error. */
export async function readLog(logFile: string): Promise<readonly LogLine[]> {
  const lines = (await readFile(logFile, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((text) => {
    if (!text.startsWith('{')) return { level: PINO_ERROR, atMs: 0, text };
    const { level, time } = JSON.parse(text) as { readonly level: number; readonly time: string };
    return { level, atMs: Date.parse(time), text };
  });
}

/** The end of the log, for an error in which nothing better is known. */
export async function logTail({ logFile }: Driver): Promise<string> {
  return (await readLog(logFile))
    .slice(-TAIL_LINES)
    .map(({ text }) => text)
    .join('\n');
}
