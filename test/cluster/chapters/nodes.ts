import { afterEach, describe, expect } from '@jest/globals';
import { kubectl } from '../lab/kubectl.ts';
import { boot, crash } from '../lab/node.ts';
import { until } from '../lab/wait.ts';
import { ready } from '../play/driver.ts';
import { hostnameOf, labNode } from '../play/node.ts';
import { claim, pod } from '../play/objects.ts';
import { scenario } from '../play/scenario.ts';
import { statusOf } from '../play/status.ts';

const NODE = 'node-1';
const NOT_READY_TIMEOUT_MS = 120_000;
const BACK_TIMEOUT_MS = 120_000;

describe('a node', () => {
  afterEach(async () => void (await kubectl('uncordon', NODE)));

  scenario('that is drained loses nothing, and its driver stays until the pods are gone', async (place) => {
    const app = pod('app', { claims: ['data'], hostname: await hostnameOf(NODE) });
    await place.run(app, claim('data'));
    await place.shell('app', 'echo kept >/data/file && sync');
    const { spec } = await place.volumeOf('data');
    await kubectl('drain', NODE, '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=60s');
    expect((await statusOf(NODE)).volumes.map(({ handle }) => handle)).toContain(spec.csi.volumeHandle);
    await place.apply(app);
    await kubectl('uncordon', NODE);
    await place.running('app');
    expect(await place.shell('app', 'cat /data/file')).toBe('kept');
  });

  scenario('that is cordoned gets no new volume', async (place) => {
    await kubectl('cordon', NODE);
    await place.run(pod('app', { claims: ['data'] }), claim('data'));
    expect(await place.nodeOf('app')).not.toBe(NODE);
  });

  scenario('that is NotReady loses nothing', async (place) => {
    const app = pod('app', { claims: ['data'], hostname: await hostnameOf(NODE) });
    await place.run(app, claim('data'));
    await place.shell('app', 'echo kept >/data/file && sync /data/file');
    await crash(labNode(NODE));
    await until('the node is NotReady', NOT_READY_TIMEOUT_MS, async () => {
      return (await kubectl('get', 'node', NODE, '--no-headers')).includes('NotReady');
    });
    expect((await place.volumeOf('data')).status.phase).toBe('Bound');
    await boot(labNode(NODE));
    await until('the pod has its file', BACK_TIMEOUT_MS, async () => {
      return (await place.shell('app', 'cat /data/file')) === 'kept';
    });
    await ready();
  });
});
