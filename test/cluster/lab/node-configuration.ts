import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cgroupOf } from './cgroups.ts';
import { PAUSE } from './images.ts';
import type { Node } from './node.ts';
import { FOLDER, nodeAddress } from './place.ts';

/** What containerd, the network of pods and the kubelet are told, as files of the node's folder. */
export async function writeConfiguration(node: Node): Promise<void> {
  const { folder, number } = node;
  for (const name of ['cni', 'registries/_default']) await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, 'containerd.toml'), containerdConfiguration(folder));
  await writeFile(join(folder, 'registries/_default/hosts.toml'), NO_REGISTRY);
  await writeFile(join(folder, 'cni/10-bridge.conflist'), JSON.stringify(network(number)));
  await writeFile(join(folder, 'kubelet.json'), JSON.stringify(kubeletConfiguration(node)));
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
