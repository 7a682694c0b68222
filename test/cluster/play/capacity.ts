import { NODES } from '../lab/cluster.ts';
import { get } from '../lab/kubectl.ts';
import { until } from '../lab/wait.ts';
import { DRIVER_NAMESPACE } from './driver.ts';
import { STORAGE_CLASS } from './objects.ts';
import { statusOf } from './status.ts';

/** The provisioner asks every 10 s here. */
const POLL_MS = 60_000;

type CapacityObject = {
  readonly metadata: { readonly name: string };
  readonly storageClassName: string;
  readonly nodeTopology: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly capacity: string;
  readonly maximumVolumeSize?: string;
};

/** What the scheduler knows of a class's room on a node. */
export type Capacity = {
  readonly name: string;
  readonly hostname: string;
  readonly bytes: bigint;
  readonly largestBytes: bigint;
};

/** The CSIStorageCapacity objects of a class. */
export async function capacities(storageClass = STORAGE_CLASS): Promise<readonly Capacity[]> {
  const { items } = await get<{ items: readonly CapacityObject[] }>(
    'csistoragecapacities',
    `--namespace=${DRIVER_NAMESPACE}`,
  );
  return items
    .filter(({ storageClassName }) => storageClassName === storageClass)
    .map(({ metadata, nodeTopology, capacity, maximumVolumeSize = '0' }) => ({
      name: metadata.name,
      hostname: nodeTopology.matchLabels['kubernetes.io/hostname'] ?? '',
      bytes: bytesOf(capacity),
      largestBytes: bytesOf(maximumVolumeSize),
    }));
}

/** Until the objects say of every node what its driver says: space that was sanitized shows at the provisioner's poll. */
export async function settled(): Promise<void> {
  for (const { name, hostname } of NODES) {
    await until(`the capacity of ${name} is known`, POLL_MS, async () => {
      const { pools } = await statusOf(name);
      const free = pools.reduce((sum, { freeBytes }) => sum + BigInt(freeBytes), 0n);
      return (await capacityOf(hostname)).bytes === free;
    });
  }
}

/** @throws when the node has none, or several */
export async function capacityOf(hostname: string): Promise<Capacity> {
  const found = (await capacities()).filter((each) => each.hostname === hostname);
  const [capacity] = found;
  if (capacity === undefined || found.length > 1)
    throw new Error(`${found.length} capacity objects for ${hostname}, want one`);
  return capacity;
}

/** A quantity as the provisioner writes sizes: bytes, or with a binary suffix where it is whole. */
function bytesOf(quantity: string): bigint {
  const [, digits = '', unit = ''] = /^(\d+)(|[KMGT]i)$/.exec(quantity) ?? [];
  if (digits === '') throw new Error(`No size: ${quantity}`);
  return BigInt(digits) << (10n * BigInt(['', 'Ki', 'Mi', 'Gi', 'Ti'].indexOf(unit)));
}
