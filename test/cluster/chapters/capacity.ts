import { describe, expect, it } from '@jest/globals';
import { kubectl } from '../lab/kubectl.ts';
import { until } from '../lab/wait.ts';
import { capacities, capacityOf } from '../play/capacity.ts';
import { rollOut } from '../play/driver.ts';
import type { Namespace } from '../play/namespace.ts';
import { hostnameOf } from '../play/node.ts';
import { claim, pod } from '../play/objects.ts';
import { scenario } from '../play/scenario.ts';

const GIB = 1024n ** 3n;
/** What the provisioner does of itself after it created or deleted something. */
const AT_ONCE_MS = 10_000;
/** The provisioner's poll, and some. */
const POLL_MS = 75_000;
const TIMEOUT_MS = 300_000;
/** So much of a disk of the lab that no second one fits beside it. */
const MOST = '15Gi';

describe('capacity', () => {
  scenario('falls as a volume is made, and is back within a poll after it was deleted', async (place) => {
    await place.apply(claim('data', { size: '2Gi' }));
    const before = new Map((await capacities()).map((each) => [each.hostname, each.bytes]));
    await place.run(pod('app', { claims: ['data'] }));
    const hostname = await hostnameOf(await place.nodeOf('app'));
    const free = before.get(hostname) ?? 0n;
    await until('the capacity object says so', AT_ONCE_MS, async () => {
      return (await capacityOf(hostname)).bytes === free - 2n * GIB;
    });
    await place.kubectl('delete', 'pod/app', 'pvc/data');
    await until('the capacity is back', POLL_MS, async () => (await capacityOf(hostname)).bytes === free);
  });

  it(
    'does not vanish while the DaemonSet is rolled out',
    async () => {
      const names = async (): Promise<string> =>
        (await capacities())
          .map(({ name }) => name)
          .toSorted()
          .join();
      const before = await names();
      const rolled = rollOut();
      const seen: string[] = [];
      for (let done = false; !done; ) {
        seen.push(await names());
        done = await Promise.race([rolled.then(() => true), Promise.resolve(false)]);
      }
      expect(seen.length).toBeGreaterThan(3);
      expect(new Set(seen)).toEqual(new Set([before]));
    },
    TIMEOUT_MS,
  );

  scenario('of a node without disks is none, and its pod waits in words', async (place) => {
    expect((await capacityOf(await hostnameOf('node-3'))).bytes).toBe(0n);
    await place.apply(claim('data'), pod('app', { claims: ['data'], hostname: await hostnameOf('node-3') }));
    await until('the scheduler says why', AT_ONCE_MS, async () =>
      noRoom(await place.kubectl('describe', 'pod', 'app')),
    );
  });

  scenario('that two claims race for goes to one, and the other gets it afterwards', async (place) => {
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
