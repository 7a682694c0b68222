import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Line, type Point, pointsOf, randomFrom, sample } from '../kill/points.ts';
import type { Made } from '../player/player.ts';
import type * as Node from './guest/node.ts';
import type { Disk } from './lab/disk.ts';
import { Machine, type Remote } from './lab/machine.ts';
import { AS_DRIVER } from './lvm/lab.ts';

const MIB = 1024n ** 2n;
const STATE = '/var/lib/instance-store-csi';
/** The first name that a new array gets. */
const ARRAY = '/dev/md127';
const { KILL_POINTS = '2', KILL_SEED = `${Math.floor(Math.random() * 2 ** 31)}` } = process.env;

type Pool = {
  readonly array: 'none' | 'raid0' | 'raid1';
  readonly carving: 'partition' | 'lvm';
};

/** Lines of bash, for a device that is carved, which print nothing when it bears no volume and the kernel shows none. */
const TELL_LEFT: Readonly<
  Record<Pool['carving'], (device: string, partition: (number: number) => string) => string>
> = {
  partition: (device, partition) =>
    `lsblk --noheadings --list --paths --output NAME ${device} | grep --invert-match --line-regexp -e ${device} -e ${partition(1)} || true`,
  lvm: (_device, partition) =>
    `dmsetup ls | grep --invert-match 'No devices' || true; ` +
    `lvs --noheadings ${AS_DRIVER} $(pvs --noheadings -o vg_name ${AS_DRIVER} ${partition(2)})`,
};

/**
 * Declares a test: volumes' life from blank disks on, with the driver killed once at a random point of it.
 * KILL_POINTS=N tries so many (all: every one), KILL_SEED=N the same ones again.
 */
export function livesThoughKilled({ array, carving }: Pool): void {
  const random = randomFrom(Number(KILL_SEED));
  const config = {
    apiVersion: 'instance-store.csi.dev/v1alpha1',
    kind: 'DriverConfiguration',
    pools: [
      {
        name: 'fast',
        disks: { match: [{ serial: 'OURS*' }], minSize: '64Mi', ...(array === 'none' ? {} : { count: 2 }) },
        array,
        carving,
        sanitize: 'zero',
      },
    ],
  };
  let machine: Machine;
  let node: Remote<typeof Node>;
  let disks: readonly Disk[];

  const paths = (): readonly string[] => disks.map((disk) => machine.pathOf(disk));
  /** What is carved. */
  const device = (): string => (array === 'none' ? (paths()[0] ?? '') : ARRAY);

  beforeAll(async () => {
    machine = await Machine.create();
    disks = await Promise.all(
      Array.from({ length: array === 'none' ? 1 : 2 }, (_, at) =>
        machine.disk({ serial: `OURS${at}`, sizeBytes: 128n * MIB, kind: { is: 'nvme' } }),
      ),
    );
    await machine.boot(disks);
    node = await machine.module<typeof Node>(new URL('guest/node.ts', import.meta.url));
  });

  afterAll(() => machine[Symbol.asyncDispose]());

  /** A machine as it was before the driver ever ran. */
  async function begin(): Promise<void> {
    await machine.sh(`[[ ! -e ${ARRAY} ]] || mdadm --stop ${ARRAY}; rm -rf ${STATE}/*`);
    for (const path of paths())
      await machine.sh(
        `blkdiscard --force --zeroout ${path}; partx --delete ${path} || true; [[ $(lsblk -no NAME ${path} | wc -l) == 1 ]]`,
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
      await node.start(config);
      return call();
    }
  }

  /** Ends with everything as it is after an undisturbed node. */
  async function live(env: Readonly<Record<string, string>>): Promise<void> {
    await node.start(config, env).catch(() => surely(() => node.start(config)));
    await surely(() => node.untilAvailable(1n));
    const free = await surely(() => node.capacity());
    const made: Made = await surely(() =>
      node.create({ name: 'pvc-1', sizeBytes: 16n * MIB, access: 'ext4' }),
    );
    await surely(() => node.stage(made));
    const path = await surely(() => node.publish(made));
    await machine.sh(`echo hello >${path}/file; sync ${path}/file`);
    const block = await surely(() => node.create({ name: 'pvc-2', sizeBytes: 16n * MIB, access: 'block' }));
    await surely(() => node.stage(block));
    const raw = await surely(() => node.publish(block));
    for (const one of [made, block]) expect(await surely(() => node.expand(one, 24n * MIB))).toBe(24n * MIB);
    expect(await machine.sh(`cat ${path}/file; cmp -n ${24n * MIB} ${raw} /dev/zero`)).toBe('hello\n');
    for (const one of [made, block]) {
      await surely(() => node.unpublish(one));
      await surely(() => node.unstage(one));
      await surely(() => node.remove(one));
    }
    await sanitized(free);
    await node.stop();
    const tellLeft = TELL_LEFT[carving](device(), (number) => `${device()}p${number}`);
    expect(await machine.sh(`ls ${STATE}/volumes; ${tellLeft}`)).toBe('');
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
}
