/**
 * Measures the driver on a real Kubernetes, on the cluster that is up or on one that goes with it, and prints tables.
 *
 *   node test/cluster/bench/run.ts [--quick] [--write]
 *
 * --quick takes few samples: to see that it works, not what it says. --write keeps the result in
 * docs/benchmarks-cluster.md.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { table } from '../../bench/figures.ts';
import { describeMachine } from '../../bench/machine.ts';
import { requireRoot } from '../../host/lab.ts';
import { ROOT } from '../lab/place.ts';
import { settled } from '../play/capacity.ts';
import { rollOut } from '../play/driver.ts';
import setup from '../setup.ts';
import teardown from '../teardown.ts';
import { withNodes, withVolumes } from './crowd.ts';
import { measureLatency } from './latency.ts';
import { observe } from './observation.ts';
import { busyUsage, growth, idleRequests, idleUsage, manyNodes } from './tables.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
});
if (values.quick && values.write) throw new Error('--quick figures are not worth keeping: leave out --write');
requireRoot();
const { idleMinutes, samples, crowd } = values.quick
  ? { idleMinutes: 1, samples: 2, crowd: 20 }
  : { idleMinutes: 12, samples: 25, crowd: 1_000 };
/** Long enough for several rounds of everything that the controller does. */
const CROWD_MINUTES = Math.min(3, idleMinutes);
/** What starts asks more than what runs. */
const STARTED_MS = 30_000;

const lines: string[] = [];
function tell(...some: readonly string[]): void {
  console.log(some.join('\n'));
  lines.push(...some);
}

tell(
  '# Benchmarks on a cluster',
  '',
  `\`make bench-cluster\` on ${new Date().toISOString().slice(0, 10)}; \`node test/cluster/bench/run.ts --write\` rewrites this page.`,
  '',
  await describeMachine(),
  'The cluster is that of `make cluster`: three nodes that are namespaces of this machine, and all of Kubernetes beside',
  'them, on the same cores. So times are upper bounds; counts and memory are what they are anywhere.',
  '',
);
await setup();
try {
  await measure();
} finally {
  await teardown();
}
if (values.write)
  await writeFile(join(ROOT, 'docs/benchmarks-cluster.md'), `${lines.join('\n').trimEnd()}\n`);

async function measure(): Promise<void> {
  await rollOut();
  await settled();
  await sleep(STARTED_MS);
  const [idle] = await observe(() => sleep(idleMinutes * 60_000));
  section(`Requests to the API server, idle for ${idleMinutes} minutes`, idleRequests(idle));
  section('Memory and processor, idle, metrics scraped every 15 s', idleUsage(idle));

  const [busy, latency] = await observe(() => measureLatency(samples));
  section(`From a claim to a running pod (${samples} of each, one after the other)`, latency.rows);
  section(`Memory and processor, ${latency.volumes} volumes later`, busyUsage(busy, latency.volumes));

  const nodes = await withNodes(crowd, CROWD_MINUTES);
  section(`With ${crowd} more nodes (Node and CSINode objects without machines)`, growth(idle, nodes));
  const volumes = await withVolumes(crowd);
  section(`With ${crowd} more PersistentVolumes and their claims`, growth(busy, volumes));
  section('1,000 nodes, on paper', manyNodes({ idle, busy, lives: latency.volumes, volumes, added: crowd }));
}

function section(title: string, rows: readonly (readonly string[])[]): void {
  tell(`## ${title}`, '', ...table(rows), '');
}
