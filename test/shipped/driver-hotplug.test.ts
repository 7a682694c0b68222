import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '../host/lab/tool.ts';
import { call } from '../player/client.ts';
import type { Made } from '../player/player.ts';
import { TestNode } from './driver/node.ts';
import { readLog } from './driver/seen.ts';
import { bringUp, SMALL, takeDown } from './driver/session.ts';

/** A bound for a machine under load, not a measure. */
const NOTICED_MS = 35_000;
/** No other test has such a disk: should this loop device go to somebody else meanwhile, the pool does not want his. */
const HUGE = { bytes: 600n * 1024n ** 3n, minSize: '550Gi' };

describe('A driver that runs', () => {
  let node: TestNode;
  let image: string;
  let device: string;
  let made: Made;

  /** A number far from those that `losetup --find` gives out, so that the pool can name it before it is attached. */
  beforeAll(async () => {
    node = await TestNode.create();
    image = await node.lab.image('plugged.img', HUGE.bytes);
    device = `/dev/loop${5000 + (process.pid % 1000)}`;
    await node.start([{ paths: [device], minSize: HUGE.minSize }]);
  });
  afterAll(() => node[Symbol.asyncDispose]());

  const attach = () => run('losetup', [device, image]);
  const freeBytes = async () => (await node.player.capacity()).availableBytes;

  /** How long it took until it was so. */
  async function noticed(isSo: () => Promise<boolean>): Promise<number> {
    const startedAtMs = performance.now();
    while (!(await isSo())) await sleep(100);
    return performance.now() - startedAtMs;
  }

  async function health(): Promise<readonly string[]> {
    const { volume_health } = await node.player.health(made);
    return (volume_health?.health_statuses ?? []).map(({ status, reason }) => `${status} ${reason}`);
  }

  async function storageHealth(): Promise<readonly string[]> {
    const { node: client } = node.driver.client;
    const { backend_health } = await call(client, client.NodeGetStorageHealth, {});
    return backend_health.map(({ status, reason }) => `${status} ${reason}`);
  }

  const told = async (notice: string) =>
    (await readLog(node.driver.logFile)).filter(({ msg, disk }) => msg === notice && disk === device).length;

  it('notices a disk that comes within 35 s, takes it and carves volumes out of it', async () => {
    expect(await freeBytes()).toBe(0n);
    await attach();
    expect(await noticed(async () => (await freeBytes()) > 0n)).toBeLessThan(NOTICED_MS);
    expect(await told('disk-taken')).toBe(1);
    made = await bringUp(node.player, SMALL);
    expect(await health()).toEqual([]);
    await node.player.unpublish(made);
    await node.player.unstage(made);
  });

  it('notices a disk that goes within 35 s, and tells its volumes as away, not as lost', async () => {
    await node.lab.detach(device);
    expect(await noticed(async () => (await told('disk-gone')) === 1)).toBeLessThan(NOTICED_MS);
    expect(await health()).toEqual(['INACCESSIBLE DiskAway']);
    expect(await storageHealth()).toEqual(['STORAGE_UNREACHABLE DiskAway']);
    expect(await freeBytes()).toBe(0n);
    await expect(node.player.stage(made)).rejects.toMatchObject({
      details: expect.stringContaining('its disk'),
    });
    const { controller } = node.driver.client;
    const { entries } = await call(controller, controller.ListVolumes, {});
    expect(entries.map(({ volume }) => volume?.volume_id)).toEqual([made.id]);
  });

  it('serves its volumes again within 35 s when it is back, and did not take it anew', async () => {
    await attach();
    expect(await noticed(async () => (await health()).length === 0)).toBeLessThan(NOTICED_MS);
    expect(await told('disk-taken')).toBe(1);
    await node.player.stage(made);
    await node.player.publish(made);
    expect(await readFile('/proc/self/mountinfo', 'utf8')).toContain(node.player.targetPath(made));
    await takeDown(node.player, made);
  });
});
