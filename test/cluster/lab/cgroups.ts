import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Node } from './node.ts';
import { until } from './wait.ts';

const CGROUPS = '/sys/fs/cgroup';
const END_TIMEOUT_MS = 10_000;

/** Below this a node's kubelet keeps its pods: two kubelets with one root would delete each other's. */
export const cgroupOf = ({ number }: Node): string => `instance-store-csi-node-${number}`;

/** With cgroup 2 there is one hierarchy, before that one for each controller. */
async function hierarchies(): Promise<readonly string[]> {
  if (existsSync(join(CGROUPS, 'cgroup.controllers'))) return [CGROUPS];
  return (await readdir(CGROUPS)).map((name) => join(CGROUPS, name));
}

/** The kubelet wants its root to be there, in each hierarchy. */
export async function makeCgroups(node: Node): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const cgroup = join(hierarchy, cgroupOf(node));
    await mkdir(cgroup, { recursive: true });
    if (hierarchy.endsWith('/cpuset')) await copySettings(hierarchy, cgroup, ['cpuset.cpus', 'cpuset.mems']);
  }
}

/** An empty cpuset of version 1 takes no process. */
async function copySettings(from: string, to: string, names: readonly string[]): Promise<void> {
  for (const name of names) await writeFile(join(to, name), await readFile(join(from, name)));
}

/** They outlive the processes, and the next kubelet would look for each one's container. */
export async function removeCgroups(node: Node): Promise<void> {
  for (const hierarchy of await hierarchies()) await removeCgroup(join(hierarchy, cgroupOf(node)));
}

async function removeCgroup(cgroup: string): Promise<void> {
  const entries = await readdir(cgroup, { withFileTypes: true }).catch(() => []);
  for (const entry of entries.filter((each) => each.isDirectory()))
    await removeCgroup(join(cgroup, entry.name));
  // A process that was just killed leaves a moment later.
  await until(`${cgroup} is free`, END_TIMEOUT_MS, async () => {
    if (existsSync(cgroup)) await rmdir(cgroup);
    return true;
  });
}
