/** The driver as the cluster runs it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { apply, get, kubectl } from '../lab/kubectl.ts';
import { runInside } from '../lab/machine.ts';
import { ROOT } from '../lab/place.ts';
import { until } from '../lab/wait.ts';
import { labNode } from './node.ts';

export const DRIVER_NAMESPACE = 'instance-store-csi';
export const DRIVER_NAME = 'instance-store.csi.dev';
const OVERLAY = join(ROOT, 'test/cluster/install');
export const STARTUP_TAINT = `${DRIVER_NAME}/agent-not-ready`;
const DAEMON_SET = 'daemonset/instance-store-csi-node';
const DEPLOYMENT = 'deployment/instance-store-csi-controller';
const REGISTERED_TIMEOUT_MS = 120_000;
/** All disks of the machine are looked at first, and a machine that tests may have hundreds. */
const RESTARTED_TIMEOUT_MS = 500_000;
/** Its command line. */
const NODE_PROCESS = '/app/instance-store-csi.mjs node';

/** Installs the driver with `kubectl apply -k`, as the lab's overlay says, and its StorageClass. */
export async function install(): Promise<void> {
  await kubectl('apply', '--kustomize', OVERLAY);
  await apply(await readFile(join(ROOT, 'deploy/examples/storageclass.yaml'), 'utf8'));
  await ready();
}

/** Removes what `install` installed; volumes stay on their disks. */
export async function uninstall(): Promise<void> {
  await kubectl('delete', '--kustomize', OVERLAY);
}

export async function isInstalled(): Promise<boolean> {
  return (await kubectl('get', 'csidriver', DRIVER_NAME, '--ignore-not-found')) !== '';
}

/**
 * Until all of the driver's pods are ready, every kubelet knows it, and no node is held back for it any more.
 * With node groups there is a DaemonSet for each.
 */
export async function ready(groups: readonly string[] = []): Promise<void> {
  const daemonSets = groups.length === 0 ? [DAEMON_SET] : groups.map((group) => `${DAEMON_SET}-${group}`);
  for (const workload of [...daemonSets, DEPLOYMENT]) await rolledOut(workload);
  await until('the kubelets know the driver', REGISTERED_TIMEOUT_MS, async () => {
    const { items } = await get<{ items: readonly CsiNode[] }>('csinodes');
    return items.every(({ spec }) => spec.drivers?.some(({ name }) => name === DRIVER_NAME));
  });
  await until('the startup taint is lifted', REGISTERED_TIMEOUT_MS, async () => {
    const { items } = await get<{ items: readonly TaintedNode[] }>('nodes');
    return items.every(({ spec }) => !spec.taints?.some(({ key }) => key === STARTUP_TAINT));
  });
}

type CsiNode = {
  readonly spec: { readonly drivers: readonly { readonly name: string }[] | null };
};

type TaintedNode = { readonly spec: { readonly taints?: readonly { readonly key: string }[] } };

async function rolledOut(workload: string): Promise<void> {
  await kubectl(`--namespace=${DRIVER_NAMESPACE}`, 'rollout', 'status', workload, '--timeout=140s');
}

/** Replaces all of the driver's pods on the nodes, as an upgrade does. */
export async function rollOut(): Promise<void> {
  await kubectl(`--namespace=${DRIVER_NAMESPACE}`, 'rollout', 'restart', DAEMON_SET);
  await ready();
}

/** Kills the node process with SIGKILL, and waits until its container was started again and is ready. */
export async function killDriver(nodeName: string): Promise<void> {
  const before = await restartsOf(await driverPod(nodeName));
  await runInside(labNode(nodeName), ['pkill', '-KILL', '-f', NODE_PROCESS]);
  await until(`the driver is back on ${nodeName}`, RESTARTED_TIMEOUT_MS, async () => {
    const pod = await driverPod(nodeName);
    return isReady(pod) && restartsOf(pod) > before;
  });
}

type DriverPod = {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly containerStatuses: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly restartCount: number;
    }[];
  };
};

const isReady = ({ status }: DriverPod): boolean => status.containerStatuses.every(({ ready }) => ready);

const restartsOf = ({ status }: DriverPod): number =>
  status.containerStatuses.find(({ name }) => name === 'instance-store-csi')?.restartCount ?? 0;

/** The pod of a node. */
export async function driverPod(nodeName: string): Promise<DriverPod> {
  const items = await nodePods(`--field-selector=spec.nodeName=${nodeName}`);
  const [pod] = items;
  if (pod === undefined) throw new Error(`No driver pod on ${nodeName}`);
  return pod;
}

/** Names of the pods on all nodes. */
export async function driverPods(): Promise<readonly string[]> {
  return (await nodePods()).map(({ metadata }) => metadata.name);
}

async function nodePods(...selectors: readonly string[]): Promise<readonly DriverPod[]> {
  const { items } = await get<{ items: readonly DriverPod[] }>(
    'pods',
    `--namespace=${DRIVER_NAMESPACE}`,
    '--selector=app.kubernetes.io/component=node',
    ...selectors,
  );
  return items;
}
