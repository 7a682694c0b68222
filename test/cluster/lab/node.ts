import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { detachLoop, loopsOn, readLoops } from '../../host/lab/cleanup.ts';
import { PAUSE } from './images.ts';
import { CONTROL_PLANE, kill, type Machine, pidOf, start } from './machine.ts';
import { FOLDER, nodeAddress, nodeFolder, nodeName } from './place.ts';
import { run } from './tool.ts';
import { until } from './wait.ts';

const CGROUPS = '/sys/fs/cgroup';
const END_TIMEOUT_MS = 10_000;

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
  const { folder, number, disks } = node;
  for (const name of ['cni', 'disks', 'registries/_default'])
    await mkdir(join(folder, name), { recursive: true });
  for (const [at, sizeBytes] of disks.entries()) {
    await run('truncate', [`--size=${sizeBytes}`, join(folder, `disks/${at}.img`)]);
  }
  await writeFile(join(folder, 'containerd.toml'), containerdConfiguration(folder));
  await writeFile(join(folder, 'registries/_default/hosts.toml'), NO_REGISTRY);
  await writeFile(join(folder, 'cni/10-bridge.conflist'), JSON.stringify(network(number)));
  await writeFile(join(folder, 'kubelet.json'), JSON.stringify(kubeletConfiguration(node)));
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

/** The node's power fails. What the kernel keeps beyond its processes and mounts is taken from it as well. */
export async function crash(node: Node): Promise<void> {
  await kill(node);
  await removeCgroups(node);
  for (const loop of loopsOn(node.folder, await readLoops())) await detachLoop(loop);
}

/** Links by which the node knows its own disks, as udevd would make them. */
async function attachDisks({ folder }: Node): Promise<void> {
  const links = join(folder, 'disk/by-id');
  await rm(links, { recursive: true, force: true });
  await mkdir(links, { recursive: true });
  await mkdir('/dev/disk', { recursive: true });
  for (const image of await readdir(join(folder, 'disks'))) {
    const device = await run('losetup', ['--find', '--show', join(folder, 'disks', image)]);
    await symlink(`../..${device.slice('/dev'.length)}`, join(links, `lab-${image.replace('.img', '')}`));
  }
}

const cgroupOf = ({ number }: Node): string => `instance-store-csi-node-${number}`;

/** With cgroup 2 there is one hierarchy, before that one for each controller. */
async function hierarchies(): Promise<readonly string[]> {
  if (existsSync(join(CGROUPS, 'cgroup.controllers'))) return [CGROUPS];
  return (await readdir(CGROUPS)).map((name) => join(CGROUPS, name));
}

/** The kubelet wants its root to be there, in each hierarchy. */
async function makeCgroups(node: Node): Promise<void> {
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

/** A closed port: an image that is not there is missed at once, and nothing leaves the machine. */
const NO_REGISTRY = 'server = "http://127.0.0.1:1"\n[host."http://127.0.0.1:1"]\n';

const containerdConfiguration = (folder: string): string => `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${folder}/registries"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${folder}/cni"
`;

/** A bridge for each node. The nodes' kernel is one, so it knows the way from each to each. */
const network = (number: number): object => ({
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: `pods${number}`,
      isGateway: true,
      ipam: {
        type: 'host-local',
        subnet: `10.244.${number}.0/24`,
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
  ],
});

const kubeletConfiguration = (node: Node): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address: nodeAddress(node.number),
  healthzBindAddress: nodeAddress(node.number),
  authentication: { anonymous: { enabled: false }, x509: { clientCAFile: join(FOLDER, 'pki/ca.crt') } },
  tlsCertFile: join(FOLDER, `pki/${node.name}.crt`),
  tlsPrivateKeyFile: join(FOLDER, 'pki/key'),
  containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
  cgroupDriver: 'cgroupfs',
  cgroupRoot: `/${cgroupOf(node)}`,
  // As those who bring up nodes are told to: no pod comes before the driver can serve it.
  registerWithTaints: [{ key: 'instance-store.csi.dev/agent-not-ready', effect: 'NoExecute' }],
  failCgroupV1: false,
  failSwapOn: false,
  serializeImagePulls: false,
  resolvConf: '',
  nodeStatusUpdateFrequency: '5s',
  // The default minute is how long an online expansion may wait for the node.
  syncFrequency: '10s',
  // A container that is killed often is started again as soon as one that is killed once.
  crashLoopBackOff: { maxContainerRestartPeriod: '1s' },
  // The host's disk is everybody's: nothing is evicted and no image is dropped because it is full.
  evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '0%', 'imagefs.available': '0%' },
  imageGCHighThresholdPercent: 100,
});
