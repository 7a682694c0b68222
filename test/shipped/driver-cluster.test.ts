import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiServer } from '../player/api-server.ts';
import { call } from '../player/client.ts';
import type { Driver } from '../player/driver.ts';
import { TestNode } from './driver/node.ts';
import { SMALL } from './driver/session.ts';

const PRELOAD = join(import.meta.dirname, '../player/pod-account.mjs');

const CLAIM_UID = '5a1b6c1e-0d55-4c5e-9a43-1f7a0c9d2b10';
const CLAIMED = {
  ...SMALL,
  name: `pvc-${CLAIM_UID}`,
  parameters: {
    'csi.storage.k8s.io/pvc/name': 'ledger-0',
    'csi.storage.k8s.io/pvc/namespace': 'shop',
    'csi.storage.k8s.io/pv/name': `pvc-${CLAIM_UID}`,
  },
};

describe('A driver in a cluster', () => {
  let node: TestNode;
  let api: ApiServer;
  let device: string;

  beforeAll(async () => {
    node = await TestNode.create();
    api = await ApiServer.start(node.lab.path('account'));
    device = await node.disk('data', 1024n ** 3n);
    await mkdir(node.folder, { recursive: true });
    await start();
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await api.close();
  });

  function start(): Promise<Driver> {
    const env = {
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(api.port),
      NODE_OPTIONS: `--import=${PRELOAD}`,
      POD_ACCOUNT: api.folder,
    };
    return node.start([{ paths: [device] }], { kubernetes: true, env });
  }

  function label(hostname: string): void {
    const labels = { 'kubernetes.io/hostname': hostname };
    api.put(`/api/v1/nodes/${node.identity.node}`, { uid: '8f0e', labels });
  }

  const info = () => call(node.driver.client.node, node.driver.client.node.NodeGetInfo, {});

  /** As the driver says it, as soon as it does. */
  async function hostname(): Promise<string | undefined> {
    for (;;) {
      try {
        const { accessible_topology } = await info();
        return accessible_topology?.segments['kubernetes.io/hostname'];
      } catch {
        await sleep(100);
      }
    }
  }

  async function untilEvent(reason: string): Promise<void> {
    while (!api.events().some((event) => event.reason === reason)) await sleep(50);
  }

  /** Reason, kind and UID of each event. */
  const events = () =>
    api.events().map(({ reason, involvedObject }) => {
      const { kind, uid } = involvedObject as { readonly kind: string; readonly uid?: string };
      return `${reason} ${kind} ${uid}`;
    });

  it('is ready, and UNAVAILABLE wherever it would have to name its place, until it is told', async () => {
    const { controller } = node.driver.client;
    const refused = {
      code: 14,
      details: expect.stringContaining('the cluster has no node of this name'),
    };
    await expect(info()).rejects.toMatchObject(refused);
    await expect(call(controller, controller.GetCapacity, {})).rejects.toMatchObject(refused);
    await expect(call(controller, controller.ListVolumes, {})).rejects.toMatchObject(refused);
    await expect(node.player.create(SMALL)).rejects.toMatchObject(refused);
  });

  it('serves the label of its node, not its name', async () => {
    label('alpha');
    expect(await hostname()).toBe('alpha');
  });

  it('tells claim, volume and node what becomes of them, over a restart as well', async () => {
    const made = await node.player.create(CLAIMED);
    await node.player.stage(made);
    await untilEvent('Prepared');
    await node.driver.kill();
    await start();
    await node.player.unstage(made);
    api.put(`/api/v1/persistentvolumes/${CLAIMED.name}`, { uid: 'uid-of-volume' });
    await node.player.delete(made.id);
    await untilEvent('Sanitized');
    const onNode = `Node ${node.identity.node}`;
    expect(events()).toEqual([
      `DiskTaken ${onNode}`,
      `Provisioned PersistentVolumeClaim ${CLAIM_UID}`,
      `Prepared PersistentVolumeClaim ${CLAIM_UID}`,
      'Quarantined PersistentVolume uid-of-volume',
      `Sanitized ${onNode}`,
    ]);
  });

  it('serves what it knew while the API server is away, and ends when that turns out wrong', async () => {
    await node.driver.kill();
    await api.close();
    const driver = await start();
    expect(await hostname()).toBe('alpha');
    label('beta');
    await api.open();
    await driver.waitForEnd();
    expect(driver.process.exitCode).toBe(1);
    expect(await readFile(driver.logFile, 'utf8')).toMatch(
      /"beta" now, and "alpha" was served: ending, so that/,
    );
    await start();
    expect(await hostname()).toBe('beta');
  });
});
