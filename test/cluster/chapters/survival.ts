import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { kubectl } from '../lab/kubectl.ts';
import { CONTROL_PLANE, signalService } from '../lab/machine.ts';
import { boot, crash } from '../lab/node.ts';
import { until } from '../lab/wait.ts';
import { killDriver, rollOut } from '../play/driver.ts';
import { Namespace } from '../play/namespace.ts';
import { labNode } from '../play/node.ts';
import { claim, pod } from '../play/objects.ts';

const NODE = 'node-1';
const BACK_TIMEOUT_MS = 300_000;
const API_TIMEOUT_MS = 60_000;

const node = labNode(NODE);
const APP = pod('app', { claims: ['data'], blocks: ['raw'], hostname: node.hostname });

/** What may happen to a volume's surroundings. The pod is there again afterwards, by itself or made anew. */
const EVENTS: readonly (readonly [string, (place: Namespace) => Promise<void>])[] = [
  ['its pod is deleted and made anew', remakePod],
  ['the driver is killed', async () => killDriver(NODE)],
  [
    'the driver is killed and the pod made anew',
    async (place) => {
      await killDriver(NODE);
      await remakePod(place);
    },
  ],
  ['the DaemonSet is rolled out', rollOut],
  ['the kubelet is killed', async () => signalService(node, 'kubelet', 'SIGKILL')],
  ['containerd is killed', async () => signalService(node, 'containerd', 'SIGKILL')],
  ['the API server is killed', restartApiServer],
  ['the node crashes and boots', crashNode],
];

describe('a file and a raw block volume survive when', () => {
  let place: Namespace;
  let written = 0;

  beforeAll(async () => {
    place = await Namespace.create();
    const claims = [claim('data'), claim('raw', { volumeMode: 'Block', size: '64Mi' })];
    await place.run(APP, ...claims);
  });
  afterAll(async () => place.delete());

  it.each(EVENTS)('%s', async (_, event) => {
    written += 1;
    await write(place, written);
    await event(place);
    await until('the pod reads what was written', BACK_TIMEOUT_MS, async () => {
      expect(await read(place)).toEqual([String(written), String(written)]);
      return true;
    });
    // And the node still takes work.
    await write(place, written);
  });
});

async function write(place: Namespace, value: number): Promise<void> {
  const block = `echo ${value} | dd of=/dev/raw bs=512 conv=sync,fsync`;
  await place.shell('app', `echo ${value} >/data/file && sync /data/file && ${block}`);
}

async function read(place: Namespace): Promise<readonly string[]> {
  return (await place.shell('app', 'cat /data/file && head -n 1 /dev/raw')).split('\n');
}

async function remakePod(place: Namespace): Promise<void> {
  await place.kubectl('delete', 'pod', 'app');
  await place.run(APP);
}

async function restartApiServer(): Promise<void> {
  await signalService(CONTROL_PLANE, 'kube-apiserver', 'SIGKILL');
  await until('the API server answers again', API_TIMEOUT_MS, async () => {
    return (await kubectl('get', '--raw', '/readyz')) === 'ok';
  });
}

async function crashNode(): Promise<void> {
  await crash(node);
  await boot(node);
}
