import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { apply, get, kubectl } from '../lab/kubectl.ts';
import { until } from '../lab/wait.ts';
import { capacities } from '../play/capacity.ts';
import { DRIVER_NAME, DRIVER_NAMESPACE, STARTUP_TAINT } from '../play/driver.ts';
import { STORAGE_CLASS } from '../play/objects.ts';

/** A look a minute, two looks two minutes apart. */
const SWEPT_TIMEOUT_MS = 240_000;
/** Several looks of the controller at a node that has not registered. */
const UNREGISTERED_MS = 15_000;
/** A node without capacity waits for a minute. */
const LIFTED_TIMEOUT_MS = 120_000;
const LED_TIMEOUT_MS = 120_000;
const TIMEOUT_MS = 300_000;
const LEASE = ['lease', 'instance-store-csi-controller', `--namespace=${DRIVER_NAMESPACE}`];
const GHOST = 'node-without-machine';
const GONE = 'node-that-is-gone';

describe('the controller', () => {
  let before: readonly string[];

  /** At once, as it takes longest. */
  beforeAll(async () => {
    before = await names();
    await apply(capacityOf(GONE));
  }, TIMEOUT_MS);

  it(
    'lifts the startup taint only from a node that has registered the driver, and no other taint',
    async () => {
      const other = { key: 'example.org/other', value: '', effect: 'NoSchedule' };
      const startup = ['NoSchedule', 'NoExecute'].map((effect) => ({ key: STARTUP_TAINT, effect }));
      const [first, second] = startup;
      await apply({ ...named('v1', 'Node', GHOST), spec: { taints: [first, other, second] } });
      try {
        await apply({ ...named('storage.k8s.io/v1', 'CSINode', GHOST), spec: { drivers: [] } });
        await sleep(UNREGISTERED_MS);
        expect(await taintsOf(GHOST)).toContain(STARTUP_TAINT);
        const drivers = [{ name: DRIVER_NAME, nodeID: GHOST, topologyKeys: ['kubernetes.io/hostname'] }];
        await apply({ ...named('storage.k8s.io/v1', 'CSINode', GHOST), spec: { drivers } });
        await until('the startup taint is lifted', LIFTED_TIMEOUT_MS, async () => {
          return !(await taintsOf(GHOST)).includes(STARTUP_TAINT);
        });
        expect(await taintsOf(GHOST)).toContain(other.key);
      } finally {
        await kubectl('delete', `node/${GHOST}`, `csinode/${GHOST}`, '--ignore-not-found');
      }
    },
    TIMEOUT_MS,
  );

  it(
    'deletes the capacity of a node that is gone, and of no other',
    async () => {
      await until('the capacity of no node is deleted', SWEPT_TIMEOUT_MS, async () => {
        return !(await names()).includes(GONE);
      });
      expect(await names()).toEqual(before);
    },
    TIMEOUT_MS,
  );

  it(
    'goes on in another pod when its leader goes',
    async () => {
      const leader = await holder();
      await kubectl('delete', 'pod', leader, `--namespace=${DRIVER_NAMESPACE}`, '--wait=false');
      await until('another pod leads', LED_TIMEOUT_MS, async () => !['', leader].includes(await holder()));
    },
    TIMEOUT_MS,
  );
});

async function names(): Promise<readonly string[]> {
  return (await capacities()).map(({ name }) => name).toSorted();
}

function named(apiVersion: string, kind: string, name: string): object {
  return { apiVersion, kind, metadata: { name } };
}

/** An object as external-provisioner leaves one behind. */
function capacityOf(node: string): object {
  const labels = {
    'csi.storage.k8s.io/drivername': DRIVER_NAME,
    'csi.storage.k8s.io/managed-by': `external-provisioner-${node}`,
  };
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIStorageCapacity',
    metadata: { name: node, namespace: DRIVER_NAMESPACE, labels },
    storageClassName: STORAGE_CLASS,
    nodeTopology: { matchLabels: { 'kubernetes.io/hostname': node } },
    capacity: '1Gi',
  };
}

async function taintsOf(node: string): Promise<readonly string[]> {
  const { spec } = await get<{ spec: { taints?: readonly { key: string }[] } }>('node', node);
  return spec.taints?.map(({ key }) => key) ?? [];
}

async function holder(): Promise<string> {
  const { spec } = await get<{ spec: { holderIdentity?: string } }>(...LEASE);
  return spec.holderIdentity ?? '';
}
