import { describe, expect } from '@jest/globals';
import { until } from '../lab/wait.ts';
import { behindTheProvisioner, whileProvisionerSleeps } from '../play/behind.ts';
import { capacityOf, settled } from '../play/capacity.ts';
import type { Namespace } from '../play/namespace.ts';
import { labNode } from '../play/node.ts';
import { claim, pod } from '../play/objects.ts';
import { scenario } from '../play/scenario.ts';

const NODE = labNode('node-1');
const OTHER = 'node-2';
/** So much of a disk of the lab that no second one fits beside it; each of its nodes has two disks. */
const MOST = '15Gi';
const MOST_BYTES = 15n * 1024n ** 3n;
const SCHEDULED_TIMEOUT_MS = 60_000;
/** The scheduler would rather have the pod there. */
const PREFERS_NODE = {
  affinity: {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          preference: {
            matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [NODE.hostname] }],
          },
        },
      ],
    },
  },
};

/** The driver refuses with RESOURCE_EXHAUSTED once: its capacity is lower by then, so the scheduler does not come back. */
describe('a pod that is scheduled to a node without room', () => {
  scenario('runs on another one, when the node was filled behind the provisioner', async (place) => {
    await settled();
    const made: string[] = [];
    try {
      await whileProvisionerSleeps(NODE, async () => {
        await fill(made, 0);
        await want(place, ['app']);
      });
      await place.running('app');
      expect(await place.nodeOf('app')).toBe(OTHER);
      expect(await refusals(place)).toEqual([expect.stringContaining('ResourceExhausted')]);
      expect((await capacityOf(NODE.hostname)).largestBytes).toBeLessThan(MOST_BYTES);
    } finally {
      await empty(made);
    }
  });

  scenario('runs on another one, when a second pod got the last room', async (place) => {
    const made: string[] = [];
    try {
      await fill(made, 1);
      await settled();
      await whileProvisionerSleeps(NODE, async () => want(place, ['one', 'two']));
      await place.running('one', 'two');
      const nodes = await Promise.all(['one', 'two'].map(async (name) => place.nodeOf(name)));
      expect(nodes.toSorted()).toEqual([NODE.name, OTHER]);
      expect(await refusals(place)).toEqual([expect.stringContaining('ResourceExhausted')]);
    } finally {
      await empty(made);
    }
  });
});

/** Makes volumes until so many more would fit; their handles are in `made`, whatever happens. */
async function fill(made: string[], remaining: number): Promise<void> {
  await behindTheProvisioner(NODE, async (player) => {
    while ((await player.capacity()).availableBytes / MOST_BYTES > BigInt(remaining)) {
      const { id } = await player.create({
        name: `behind-${made.length}`,
        sizeBytes: MOST_BYTES,
        access: 'xfs',
      });
      made.push(id);
    }
  });
}

async function empty(made: readonly string[]): Promise<void> {
  await behindTheProvisioner(NODE, async (player) => {
    for (const handle of made) await player.delete(handle);
  });
}

/** Pods with a claim each, until the scheduler has chosen the node for all of them. */
async function want(place: Namespace, names: readonly string[]): Promise<void> {
  const objects = names.flatMap((name) => [
    claim(name, { size: MOST }),
    pod(name, { claims: [name], spec: PREFERS_NODE }),
  ]);
  await place.apply(...objects);
  await until(`${names.join(' and ')} are scheduled to ${NODE.name}`, SCHEDULED_TIMEOUT_MS, async () => {
    const { items } = await place.get<{ items: readonly Claim[] }>('pvc');
    return items.every(({ metadata }) => metadata.annotations?.[SELECTED_NODE] === NODE.name);
  });
}

const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
type Claim = { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };

/** What the claims of the namespace were refused with, as often as they were. */
async function refusals(place: Namespace): Promise<readonly string[]> {
  const { items } = await place.get<{ items: readonly { message: string; count: number }[] }>(
    'events',
    '--field-selector=reason=ProvisioningFailed',
  );
  return items.flatMap(({ message, count }) => Array.from({ length: count }, () => message));
}
