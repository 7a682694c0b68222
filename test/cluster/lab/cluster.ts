import type { ChildProcess } from 'node:child_process';
import { mkdir, rmdir } from 'node:fs/promises';
import { cleanUp } from '../../host/lab/cleanup.ts';
import { startJanitor } from '../../host/lab/guard.ts';
import { makeCertificates } from './certificates.ts';
import { removeCgroups } from './cgroups.ts';
import { controlPlaneReady, linkPrograms, startControlPlane } from './control-plane.ts';
import { detachDisks } from './disks.ts';
import { makeImages } from './images.ts';
import { kubectl } from './kubectl.ts';
import { kubernetesBinary } from './kubernetes.ts';
import { CONTROL_PLANE, kill, pidOf } from './machine.ts';
import { boot, type Node, node, prepareNode } from './node.ts';
import { FOLDER } from './place.ts';
import { readSidecars, sidecarBinary } from './sidecars.ts';
import { until } from './wait.ts';

const GIB = 1024 ** 3;
const READY_TIMEOUT_MS = 300_000;

/** The third has no disks. All files are sparse. */
export const NODES: readonly Node[] = [
  node(1, [16 * GIB, 16 * GIB]),
  node(2, [16 * GIB, 16 * GIB]),
  node(3, []),
];

export async function isUp(): Promise<boolean> {
  return (await pidOf(CONTROL_PLANE)) !== undefined;
}

/** From nothing to a cluster of which every node is Ready. What is left of one that crashed is removed first. */
export async function up(): Promise<void> {
  const kubernetes = await kubernetesBinary('kubernetes');
  for (const sidecar of await readSidecars()) await sidecarBinary(sidecar);
  await down();
  await mkdir(FOLDER, { mode: 0o711 });
  const numbers = NODES.map(({ number }) => number);
  await linkPrograms(kubernetes);
  await makeCertificates(numbers);
  await startControlPlane(numbers);
  await makeImages();
  for (const each of NODES) await prepareNode(each);
  for (const each of NODES) await boot(each);
  await controlPlaneReady();
  for (const { name } of NODES) await nodeReady(name);
}

async function nodeReady(name: string): Promise<void> {
  await until(`${name} is Ready`, READY_TIMEOUT_MS, async () => {
    await kubectl('wait', '--for=condition=Ready', `node/${name}`, '--timeout=10s');
    return true;
  });
}

/** The cluster ends with this process, until the janitor is dismissed. */
export function tieToThisProcess(): ChildProcess {
  return startJanitor(new URL('janitor.ts', import.meta.url));
}

/** Ends the cluster, if there is one, and removes all that stood on it. */
export async function down(): Promise<void> {
  await kill(CONTROL_PLANE);
  for (const each of NODES) {
    await removeCgroups(each);
    await detachDisks(each);
  }
  await cleanUp(FOLDER);
  // Made for the nodes' links where no udevd made it.
  await rmdir('/dev/disk').catch(() => undefined);
}
