import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { call } from '../player/client.ts';
import type { Driver } from '../player/driver.ts';
import { TestNode } from './driver/node.ts';
import { answerOf } from './driver/refused.ts';
import { readLog } from './driver/seen.ts';
import { liveOneLife, SMALL } from './driver/session.ts';

/** A bound for a machine under load, not a measure. */
const GIB = 1024n ** 3n;

let node: TestNode;
let disk: string;
beforeEach(async () => {
  node = await TestNode.create();
  disk = await node.disk('disk', GIB);
});
afterEach(() => node[Symbol.asyncDispose]());

/** A second driver of the same node on the same state directory, with a socket of its own. */
async function second(): Promise<Driver> {
  const stateDir = `${node.folder}/state`;
  const driver = await node.spawn([{ paths: [disk] }], { folder: node.lab.path('second'), stateDir });
  await until(async () => (await driver.probe().catch(() => undefined)) !== undefined);
  return driver;
}

async function elapsedMs(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return performance.now() - startedAtMs;
}

/** Ends when it is so; the test's own limit is the bound. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20);
}

describe('A second driver on the same state directory', () => {
  it('answers Probe with not ready and every call with UNAVAILABLE, while the first serves on', async () => {
    await node.start([{ paths: [disk] }]);
    const { client } = await second();
    const { controller, node: calls, identity } = client;
    const id = '11111111-2222-8333-8444-555555555555';
    const path = node.lab.path('target');
    const access = { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } } as const;
    const place = { volume_id: id, staging_target_path: path, target_path: path, volume_capability: access };
    const answers = await Promise.all([
      answerOf(call(controller, controller.CreateVolume, { name: 'x', volume_capabilities: [access] })),
      answerOf(call(controller, controller.DeleteVolume, { volume_id: id })),
      answerOf(call(controller, controller.ListVolumes, {})),
      answerOf(call(controller, controller.GetCapacity, {})),
      answerOf(
        call(controller, controller.ValidateVolumeCapabilities, {
          volume_id: id,
          volume_capabilities: [access],
        }),
      ),
      answerOf(call(calls, calls.NodeStageVolume, place)),
      answerOf(call(calls, calls.NodePublishVolume, place)),
      answerOf(call(calls, calls.NodeUnpublishVolume, place)),
      answerOf(call(calls, calls.NodeUnstageVolume, place)),
      answerOf(call(calls, calls.NodeExpandVolume, { volume_id: id, volume_path: path })),
      answerOf(call(calls, calls.NodeGetVolumeStats, { volume_id: id, volume_path: path })),
      answerOf(call(calls, calls.NodeGetVolumeHealth, { volume_id: id })),
      answerOf(call(calls, calls.NodeGetStorageHealth, {})),
    ]);
    const words = expect.stringMatching(/not ready: another driver holds .*\/state\/lock/);
    for (const answer of answers) expect(answer).toEqual({ code: 'UNAVAILABLE', message: words });
    const waiting = answerOf(call(calls, calls.NodeGetInfo, {}, 2_000));
    expect(await waiting).toMatchObject({ code: 'ABORTED' });
    expect(await answerOf(call(identity, identity.GetPluginInfo, {}))).toMatchObject({ code: 'OK' });
    expect(await answerOf(call(calls, calls.NodeGetCapabilities, {}))).toMatchObject({ code: 'OK' });
    await liveOneLife(node.player);
    expect((await call(identity, identity.Probe, {})).ready).toEqual({ value: false });
  });

  it('takes over two seconds after the first was killed, or as soon after as its first look takes, and serves what the first had made', async () => {
    const startMs = await elapsedMs(() => node.start([{ paths: [disk] }]));
    const made = await node.player.create(SMALL);
    const waiting = await second();
    await node.driver.kill();
    const takeOverMs = await elapsedMs(() => waiting.ready());
    expect(takeOverMs).toBeLessThan(2_000 + startMs);
    const { controller } = waiting.client;
    const { entries } = await call(controller, controller.ListVolumes, {});
    expect(entries.map(({ volume }) => volume?.volume_id)).toEqual([made.id]);
  });

  it('ends when it is told to while it still waits, and leaves the first alone', async () => {
    const first = await node.start([{ paths: [disk] }]);
    const waiting = await second();
    await waiting.stop();
    expect(waiting.process.exitCode).toBe(0);
    expect(await first.probe()).toBe(true);
    const waits = (await readLog(waiting.logFile)).filter(({ msg }) =>
      msg.startsWith('waiting: another driver'),
    );
    expect(waits).toHaveLength(1);
  });

  it('waits for an orphan that a killed driver left, and takes over when that is dead', async () => {
    const slow = await slowSfdisk();
    const path = `${slow.folder}:${process.env.PATH}`;
    const first = await node.start([{ paths: [disk] }], { env: { PATH: path } });
    await slow.arm();
    const cut = node.player.create(SMALL).catch(() => undefined);
    const orphan = await slow.pid();
    await first.kill();
    await cut;

    const waiting = await second();
    for (let look = 0; look < 15; look += 1) {
      expect(await waiting.probe()).toBe(false);
      await sleep(100);
    }
    process.kill(orphan, 'SIGKILL');
    await waiting.ready();
    const { controller } = waiting.client;
    expect((await call(controller, controller.ListVolumes, {})).entries).toEqual([]);
  });
});

/**
 * An sfdisk that, once armed, never comes to its work: it waits for a child that lives on when the driver's death
 * takes its parent, as a child asleep in the kernel would.
 */
async function slowSfdisk() {
  const folder = node.lab.path('bin');
  const [armed, pidFile] = [node.lab.path('armed'), node.lab.path('orphan.pid')];
  const script = [
    '#!/bin/sh',
    `if [ -e ${armed} ]; then sleep 120 >/dev/null 2>&1 & echo $! >${pidFile}.new; mv ${pidFile}.new ${pidFile}; wait; fi`,
    'exec /usr/sbin/sfdisk "$@"',
  ];
  await mkdir(folder);
  await writeFile(`${folder}/sfdisk`, `${script.join('\n')}\n`);
  await chmod(`${folder}/sfdisk`, 0o755);
  return {
    folder,
    arm: () => writeFile(armed, ''),
    pid: async () => {
      await until(() =>
        readFile(pidFile).then(
          () => true,
          () => false,
        ),
      );
      return Number(await readFile(pidFile, 'utf8'));
    },
  };
}
