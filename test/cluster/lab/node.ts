import { join } from 'node:path';
import { makeCgroups, removeCgroups } from './cgroups.ts';
import { attachDisks, detachDisks, makeDisks } from './disks.ts';
import { CONTROL_PLANE, kill, type Machine, pidOf, runInside, start } from './machine.ts';
import { writeConfiguration } from './node-configuration.ts';
import { FOLDER, nodeAddress, nodeFolder, nodeName } from './place.ts';

export type Node = Machine & {
  readonly number: number;
  readonly name: string;
  /** The node's label kubernetes.io/hostname, which is not its name everywhere: not on some clouds, and not here. */
  readonly hostname: string;
  /** Sizes of its disks, in bytes. */
  readonly disks: readonly number[];
};

export function node(number: number, disks: readonly number[]): Node {
  const name = nodeName(number);
  return { number, name, hostname: `host-${number}`, disks, folder: nodeFolder(number) };
}

/** Makes what a node keeps from boot to boot: its configuration and its disks. */
export async function prepareNode(node: Node): Promise<void> {
  await writeConfiguration(node);
  await makeDisks(node);
}

/** Starts the node, or starts it again after a crash: with the same disks, perhaps by other names. */
export async function boot(node: Node): Promise<void> {
  const pid = await pidOf(CONTROL_PLANE);
  if (pid === undefined) throw new Error(`Cannot boot ${node.name}: the control plane is not up`);
  await makeCgroups(node);
  await attachDisks(node);
  await start(node, [
    ...(['nsenter', `--target=${pid}`, '--pid', '--net', '--'] as const),
    ...['unshare', '--mount', '--uts', '--pid', '--fork', '--kill-child', '--propagation', 'slave', '--'],
    join(import.meta.dirname, 'node.sh'),
    ...[FOLDER, node.folder, node.name, node.hostname, nodeAddress(node.number)],
  ]);
}

/** For an image that was made after the node's boot. */
export async function importImage(node: Node, archive: string): Promise<void> {
  await runInside(node, ['ctr', '--namespace=k8s.io', 'images', 'import', archive]);
}

/** The node's power fails. What the kernel keeps beyond its processes and mounts is taken from it as well. */
export async function crash(node: Node): Promise<void> {
  await kill(node);
  await removeCgroups(node);
  await detachDisks(node);
}
