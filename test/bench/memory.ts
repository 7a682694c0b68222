import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CsiClient, call, connect } from '../player/client.ts';
import type { Made } from '../player/player.ts';
import { type Figure, mib, ms, type Section } from './figures.ts';
import { Rig } from './rig.ts';

const MIB = 1024n ** 2n;
const RSS_MAX = 72 * 1024 ** 2;
const PRIVATE_MAX = 26 * 1024 ** 2;
const IDLE_MS = 3_000;
const CALLERS = 4;
/** As kubelet does, which connects for every call it makes; a new connection costs more than a call. */
const CALLS_PER_CONNECTION = 250;
/** Stats start a host command. */
const STATS_EVERY = 100;

type Memory = { readonly rss: number; readonly private: number };

/** What the process holds, idle and after kubelet's daily calls. */
export async function measureMemory(calls: number): Promise<Section> {
  await using rig = await Rig.create([{ name: 'fast', sizeBytes: 1024n * MIB }]);
  await rig.start();
  const pid = rig.driver.process.pid ?? 0;
  await sleep(IDLE_MS);
  const idle = await memoryOf(pid);
  const made = await rig.player.create({ name: 'watched', sizeBytes: 8n * MIB, access: 'ext4' });
  await rig.player.stage(made);
  await rig.player.publish(made);
  const startedAtMs = performance.now();
  await Promise.all(Array.from({ length: CALLERS }, () => askDaily(rig, made, calls / CALLERS)));
  const perCallMs = (performance.now() - startedAtMs) / calls;
  await sleep(IDLE_MS);
  const after = await memoryOf(pid);
  return {
    title: 'Memory of the driver process (/proc/PID/smaps_rollup)',
    figures: [
      ...figuresOf('idle', idle),
      ...figuresOf(`after ${calls.toLocaleString('en')} calls`, after),
      { what: 'one of those calls', value: ms(perCallMs), compared: `${CALLERS} callers at once` },
    ],
  };
}

async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1]) * 1024;
  return { rss: field('Rss'), private: field('Private_Clean') + field('Private_Dirty') };
}

async function askDaily(rig: Rig, made: Made, calls: number): Promise<void> {
  let client = connect(rig.endpoint);
  for (let at = 0; at < calls; at += 1) {
    if (at > 0 && at % CALLS_PER_CONNECTION === 0) {
      client.close();
      client = connect(rig.endpoint);
    }
    await askOnce(client, rig, made, at);
  }
  client.close();
}

async function askOnce(
  { identity, controller, node }: CsiClient,
  rig: Rig,
  made: Made,
  at: number,
): Promise<void> {
  if (at % STATS_EVERY === 0) await rig.player.stats(made);
  else if (at % 10 === 0) await call(controller, controller.GetCapacity, { parameters: { pool: 'fast' } });
  else if (at % 2 === 0) await call(node, node.NodeGetCapabilities, {});
  else await call(identity, identity.Probe, {});
}

function figuresOf(when: string, memory: Memory): readonly Figure[] {
  const goal = (value: number, max: number) => ({
    text: `<= ${max / 1024 ** 2} MiB`,
    met: value <= max,
    cause:
      'the heap of V8 and what grpc-js keeps for each HTTP/2 session; the rest of the RSS is the binary of Node, shared with every other Node of the machine',
  });
  return [
    { what: `RSS ${when}`, value: mib(memory.rss), goal: goal(memory.rss, RSS_MAX) },
    { what: `private memory ${when}`, value: mib(memory.private), goal: goal(memory.private, PRIVATE_MAX) },
  ];
}
