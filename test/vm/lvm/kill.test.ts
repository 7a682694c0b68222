import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Line, type Point, pointsOf, randomFrom, sample } from '../../kill/points.ts';
import type { Made } from '../../player/player.ts';
import type * as Node from '../guest/node.ts';
import type { Disk } from '../lab/disk.ts';
import { Machine, type Remote } from '../lab/machine.ts';
import { AS_DRIVER, configuration } from './lab.ts';

/**
 * A volume's life on a device that LVM carves, from a blank disk on, with the driver killed once at a random point of
 * it. KILL_POINTS=N tries so many (all: every one), KILL_SEED=N the same ones again.
 */

const MIB = 1024n ** 2n;
const STATE = '/var/lib/instance-store-csi';
const { KILL_POINTS = '2', KILL_SEED = `${Math.floor(Math.random() * 2 ** 31)}` } = process.env;

const CONFIG = configuration('zero');

describe('a driver that is killed while it works with logical volumes', () => {
  let machine: Machine;
  let disk: Disk;
  let node: Remote<typeof Node>;
  const random = randomFrom(Number(KILL_SEED));

  beforeAll(async () => {
    machine = await Machine.create();
    disk = await machine.disk({ serial: 'OURS1', sizeBytes: 128n * MIB, kind: { is: 'nvme' } });
    await machine.boot([disk]);
    node = await machine.module<typeof Node>(new URL('../guest/node.ts', import.meta.url));
  });

  afterAll(() => machine[Symbol.asyncDispose]());

  /** A machine as it was before the driver ever ran. */
  async function begin(): Promise<void> {
    const path = machine.pathOf(disk);
    await machine.sh(
      `blkdiscard --force --zeroout ${path}; partx --delete ${path} || true; rm -rf ${STATE}/*; [[ $(lsblk -no NAME ${path} | wc -l) == 1 ]]`,
    );
  }

  /** What the call gives; if the driver dies meanwhile, what it gives when it is repeated. */
  async function surely<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      // The connection is gone before the process is.
      await sleep(1_000);
      if (await node.isRunning()) throw error;
      await node.start(CONFIG);
      return call();
    }
  }

  /** Ends with everything as it is after an undisturbed node. */
  async function live(env: Readonly<Record<string, string>>): Promise<void> {
    await node.start(CONFIG, env).catch(() => surely(() => node.start(CONFIG)));
    await surely(() => node.untilAvailable(1n));
    const free = await surely(() => node.capacity());
    const wanted = { name: 'pvc-1', sizeBytes: 16n * MIB, access: 'ext4' } as const;
    const made: Made = await surely(() => node.create(wanted));
    await surely(() => node.stage(made));
    const path = await surely(() => node.publish(made));
    await machine.sh(`echo hello >${path}/file; sync ${path}/file`);
    const block = await surely(() => node.create({ name: 'pvc-2', sizeBytes: 16n * MIB, access: 'block' }));
    await surely(() => node.stage(block));
    const raw = await surely(() => node.publish(block));
    expect(await surely(() => node.expand(made, 24n * MIB))).toBe(24n * MIB);
    expect(await surely(() => node.expand(block, 24n * MIB))).toBe(24n * MIB);
    expect(await machine.sh(`cat ${path}/file; cmp -n ${24n * MIB} ${raw} /dev/zero`)).toBe('hello\n');
    for (const one of [made, block]) {
      await surely(() => node.unpublish(one));
      await surely(() => node.unstage(one));
      await surely(() => node.remove(one));
    }
    await sanitized(free);
    await node.stop();
    const left = `lvs --noheadings ${AS_DRIVER} $(pvs --noheadings -o vg_name ${AS_DRIVER} ${machine.pathOf(disk)}p2)`;
    expect(await machine.sh(`dmsetup ls; ls ${STATE}/volumes; ${left}`)).toBe('No devices found\n');
  }

  /** The driver may die in the background, too. */
  async function sanitized(free: Awaited<ReturnType<typeof node.capacity>>): Promise<void> {
    for (;;) {
      const now = await surely(() => node.capacity());
      if (now.availableBytes === free.availableBytes) return;
      await sleep(500);
    }
  }

  it('does all that was asked of it when it is started and asked again', async () => {
    await begin();
    await live({ INSTANCE_STORE_CSI_CRASHPOINTS: 'record:/tmp/points' });
    const lines = (await machine.sh('cat /tmp/points')).trim().split('\n');
    const all = pointsOf(
      lines.map((line) => JSON.parse(line) as Line),
      random,
    );
    const chosen = KILL_POINTS === 'all' ? all : sample(all, Number(KILL_POINTS), random);
    console.log(`killing at ${chosen.length} of ${all.length} points; KILL_SEED=${KILL_SEED}`);
    const failures: string[] = [];
    for (const point of chosen) failures.push(...(await killAt(point)));
    expect(failures).toEqual([]);
  });

  async function killAt({ kill, side, effect }: Point): Promise<readonly string[]> {
    try {
      await begin();
      await live({ INSTANCE_STORE_CSI_CRASHPOINTS: `kill:${kill}` });
      return [];
    } catch (error) {
      await node.stop();
      return [`killed at ${kill}, ${side} ${effect}: ${(error as Error).message}`];
    }
  }
});
