/** A large cluster, as far as the driver sees one: objects of the API without machines or disks behind them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { kubectl, kubectlWith } from '../lab/kubectl.ts';
import { until } from '../lab/wait.ts';
import { DRIVER_NAME } from '../play/driver.ts';
import { Namespace } from '../play/namespace.ts';
import { claim, STORAGE_CLASS } from '../play/objects.ts';
import { type Observation, observe } from './observation.ts';

const LABEL = 'instance-store.csi.dev/bench';
const SEEN_TIMEOUT_MS = 600_000;

/** Nodes that have registered the driver. None has the label by which the DaemonSet finds its nodes. */
export async function withNodes(count: number, minutes: number): Promise<Observation> {
  const names = Array.from({ length: count }, (_, at) => `bench-${at}`);
  try {
    await create(names.map(nodeObject));
    await create(names.map(csiNodeObject));
    const [seen] = await observe(() => sleep(minutes * 60_000));
    return seen;
  } finally {
    await kubectl('delete', 'nodes,csinodes', `--selector=${LABEL}`, '--wait=false');
  }
}

/** Volumes of other nodes, each with its claim. */
export async function withVolumes(count: number): Promise<Observation> {
  const place = await Namespace.create();
  const names = Array.from({ length: count }, (_, at) => `bench-${at}`);
  try {
    const [seen] = await observe(async () => {
      await create(names.map((name) => volumeObject(place.name, name)));
      await create(names.map((name) => claimObject(place.name, name)));
      await until('all claims are bound', SEEN_TIMEOUT_MS, async () => {
        const phases = await place.kubectl('get', 'pvc', '--output=jsonpath={.items[*].status.phase}');
        return phases.split(' ').every((phase) => phase === 'Bound');
      });
    });
    return seen;
  } finally {
    await place.delete();
    await kubectl('delete', 'pv', `--selector=${LABEL}`, '--wait=false');
  }
}

/** As many requests, without reading each object first and without a copy of it in an annotation, as by `apply`. */
async function create(items: readonly object[]): Promise<void> {
  await kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), ['create', '-f', '-']);
}

const labels = { [LABEL]: 'true' };

function nodeObject(name: string): object {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } };
}

function csiNodeObject(name: string): object {
  const drivers = [{ name: DRIVER_NAME, nodeID: name, topologyKeys: ['kubernetes.io/hostname'] }];
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSINode',
    metadata: { name, labels },
    spec: { drivers },
  };
}

/** With what external-provisioner writes into one. */
function volumeObject(namespace: string, name: string): object {
  const volumeAttributes = {
    pool: 'instance-store',
    mark: '00000000-0000-4000-8000-000000000000',
    machine: name,
    'storage.kubernetes.io/csiProvisionerIdentity': `1795298025000-0000-${DRIVER_NAME}-${name}`,
  };
  const term = { key: 'kubernetes.io/hostname', operator: 'In', values: [name] };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: `${namespace}-${name}`,
      labels,
      annotations: {
        'pv.kubernetes.io/provisioned-by': DRIVER_NAME,
        'volume.kubernetes.io/provisioner-deletion-secret-name': '',
        'volume.kubernetes.io/provisioner-deletion-secret-namespace': '',
      },
    },
    spec: {
      capacity: { storage: '512Mi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: STORAGE_CLASS,
      claimRef: { namespace, name },
      csi: { driver: DRIVER_NAME, fsType: 'xfs', volumeHandle: `${namespace}-${name}`, volumeAttributes },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [term] }] } },
    },
  };
}

function claimObject(namespace: string, name: string): object {
  const object = claim(name, { volumeName: `${namespace}-${name}` }) as { metadata: object };
  return { ...object, metadata: { ...object.metadata, namespace } };
}
