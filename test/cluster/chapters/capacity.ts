import { describe, expect, it } from '@jest/globals';
import { NODES } from '../lab/cluster.ts';
import { kubectl } from '../lab/kubectl.ts';
import { until } from '../lab/wait.ts';
import { capacities, capacityOf, settled } from '../play/capacity.ts';
import { applyClass } from '../play/classes.ts';
import { rollOut } from '../play/driver.ts';
import type { Namespace } from '../play/namespace.ts';
import { hostnameOf } from '../play/node.ts';
import { claim, pod, STORAGE_CLASS } from '../play/objects.ts';
import { scenario } from '../play/scenario.ts';
import { statusOf } from '../play/status.ts';

const GIB = 1024n ** 3n;
/** What the provisioner does of itself after it created or deleted something. */
const AT_ONCE_MS = 10_000;
/** The provisioner's poll of 10 s, and some. */
const POLL_MS = 60_000;
/** So much of a disk of the lab that no second one fits beside it. */
const MOST = '15Gi';

describe('capacity', () => {
  scenario('falls as a volume is made, and is back within a poll after it was deleted', async (place) => {
    await settled();
    await place.run(pod('app', { claims: ['data'] }), claim('data', { size: '2Gi' }));
    const node = await place.nodeOf('app');
    const free = (await statusOf(node)).pools.reduce((sum, { freeBytes }) => sum + BigInt(freeBytes), 0n);
    const told = async (): Promise<bigint> => (await capacityOf(await hostnameOf(node))).bytes;
    await until('the capacity object says so', AT_ONCE_MS, async () => (await told()) === free);
    await place.kubectl('delete', 'pod/app', 'pvc/data');
    await until('the capacity is back', POLL_MS, async () => (await told()) === free + 2n * GIB);
  });

  it('does not vanish while the DaemonSet is rolled out', async () => {
    const names = async (): Promise<string> =>
      (await capacities())
        .map(({ name }) => name)
        .toSorted()
        .join();
    const seen = [await names()];
    let isDone = false;
    const rolled = rollOut().finally(() => {
      isDone = true;
    });
    while (!isDone) seen.push(await names());
    await rolled;
    expect(seen.length).toBeGreaterThan(3);
    expect(new Set(seen)).toEqual(new Set([seen[0]]));
  });

  it('of a class comes and goes with the class', async () => {
    const name = `${STORAGE_CLASS}-passing`;
    await applyClass(name, {});
    await until('each node has one', POLL_MS, async () => (await capacities(name)).length === NODES.length);
    await kubectl('delete', 'storageclass', name);
    await until('no node has one', POLL_MS, async () => (await capacities(name)).length === 0);
  });

  scenario('of a node without disks is none, and its pod waits in words', async (place) => {
    expect((await capacityOf(await hostnameOf('node-3'))).bytes).toBe(0n);
    await place.apply(claim('data'), pod('app', { claims: ['data'], hostname: await hostnameOf('node-3') }));
    await until('the scheduler says why', AT_ONCE_MS, async () =>
      noRoom(await place.kubectl('describe', 'pod', 'app')),
    );
  });

  scenario('that two claims race for goes to one, and the other gets it afterwards', async (place) => {
    await settled();
    const rooms = (await capacities()).filter(({ largestBytes }) => largestBytes >= 15n * GIB);
    // All disks but one are filled; then two claims come at once.
    const disks = rooms.reduce((sum, { bytes }) => sum + Number(bytes / (15n * GIB)), 0);
    for (let at = 1; at < disks; at += 1) await fill(place, `filler-${at}`);
    await place.apply(
      ...['one', 'two'].flatMap((name) => [claim(name, { size: MOST }), pod(name, { claims: [name] })]),
    );
    const [winner = '', loser = ''] = await until('one of them runs', 60_000, async () => winnerFirst(place));
    await until('the other waits in words', 60_000, async () =>
      noRoom(await place.kubectl('describe', 'pod', loser)),
    );
    expect(await phaseOf(place, winner)).toBe('Running');
    await place.kubectl('delete', `pod/${winner}`, `pvc/${winner}`);
    await until('the other runs', POLL_MS, async () => (await phaseOf(place, loser)) === 'Running');
  });
});

async function fill(place: Namespace, name: string): Promise<void> {
  await place.run(pod(name, { claims: [name] }), claim(name, { size: MOST }));
}

async function phaseOf(place: Namespace, name: string): Promise<string> {
  return kubectl(`--namespace=${place.name}`, 'get', 'pod', name, '--output=jsonpath={.status.phase}');
}

async function winnerFirst(place: Namespace): Promise<readonly string[] | undefined> {
  const phases = await Promise.all(['one', 'two'].map(async (name) => phaseOf(place, name)));
  if (!phases.includes('Running')) return undefined;
  return phases[0] === 'Running' ? ['one', 'two'] : ['two', 'one'];
}

const noRoom = (description: string): boolean => description.includes('did not have enough free storage');
