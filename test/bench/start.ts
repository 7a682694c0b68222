import { connect as connectSocket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../host/lab/tool.ts';
import { median, ms, type Section, timed } from './figures.ts';
import { Rig } from './rig.ts';

const MIB = 1024n ** 2n;
const GOAL_MS = 250;
const POLL_MS = 2;
const START_TIMEOUT_MS = 30_000;

/** From the spawning of the driver to its first answer, on a node whose one disk is its own and bears volumes. */
export async function measureStart(starts: number): Promise<Section> {
  await using rig = await Rig.create([{ name: 'fast', sizeBytes: 1024n * MIB }]);
  await rig.start();
  for (const name of ['a', 'b']) await rig.player.create({ name, sizeBytes: MIB, access: 'block' });
  await rig.stop();
  const answered: number[] = [];
  const ready: number[] = [];
  const bare: number[] = [];
  for (let at = 0; at < starts; at += 1) {
    const startedAtMs = performance.now();
    const driver = await rig.spawn();
    await untilListening(rig.endpoint);
    await driver.probe();
    answered.push(performance.now() - startedAtMs);
    await driver.ready();
    ready.push(performance.now() - startedAtMs);
    await rig.stop();
    bare.push(await timed(() => run(process.execPath, ['--eval', '0'])));
  }
  const first = median(answered);
  const cause =
    `Node itself needs ${ms(median(bare))} to start here; the rest is loading 2 MB of bundle without a compiler tier ` +
    'above the interpreter, csi.proto, and the first HTTP/2 session';
  return {
    title: `Start (medians of ${starts})`,
    figures: [
      {
        what: 'spawn to first Probe answered',
        value: ms(first),
        compared: `${ms(median(bare))} for node -e 0`,
        goal: { text: `<= ${GOAL_MS} ms`, met: first <= GOAL_MS, cause },
      },
      { what: 'spawn to ready=true (every disk looked at, records compared)', value: ms(median(ready)) },
    ],
  };
}

/** gRPC waits before it connects anew, so that it is not asked before somebody listens. */
async function untilListening(endpoint: string): Promise<void> {
  const path = endpoint.replace('unix://', '');
  const until = Date.now() + START_TIMEOUT_MS;
  while (!(await isListening(path))) {
    if (Date.now() > until) throw new Error(`nobody listens on ${path}`);
    await sleep(POLL_MS);
  }
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
