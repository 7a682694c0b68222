import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildSanity } from '../sanity/csi-sanity.ts';
import type * as Sanity from './guest/sanity.ts';
import type { Disk } from './lab/disk.ts';
import { Machine, type Remote } from './lab/machine.ts';
import { isAll } from './lab/scope.ts';

/** Sparse. Deleted volumes wait here to be sanitized while csi-sanity makes the next ones. */
const DISK_BYTES = 256n * 1024n ** 3n;

/** A run is long: each carving once, each with each kind of volume when all is asked for. */
const RUNS = (['partition', 'lvm'] as const).flatMap((carving) =>
  (['mount', 'block'] as const).map((access) => ({ carving, access })),
);
const chosen = isAll
  ? RUNS
  : RUNS.filter(({ carving, access }) => (carving === 'lvm') === (access === 'block'));

describe('csi-sanity on a disk of this kernel', () => {
  let machine: Machine;
  let sanity: Remote<typeof Sanity>;
  let disk: Disk;

  beforeAll(async () => {
    machine = await Machine.create();
    await copyFile(await buildSanity(AbortSignal.any([])), join(machine.share, 'csi-sanity'));
    sanity = await machine.module<typeof Sanity>(new URL('guest/sanity.ts', import.meta.url));
    disk = await machine.disk({ serial: 'SANITY', sizeBytes: DISK_BYTES, kind: { is: 'nvme' } });
    await machine.boot([disk]);
    await machine.sh('cp /share/csi-sanity /tmp');
  });

  afterAll(() => machine[Symbol.asyncDispose]());

  it.each(chosen)('passes on the carving $carving with volumes for $access', async ({ carving, access }) => {
    const device = machine.pathOf(disk);
    await machine.sh(`blkdiscard --force --zeroout ${device}; partx --delete ${device} || true`);
    const pool = { name: 'sanity', disks: { match: [{ path: device }] }, carving };
    const config = {
      apiVersion: 'instance-store.csi.dev/v1alpha1',
      kind: 'DriverConfiguration',
      pools: [pool],
    };
    const place = { device, folder: `/run/sanity-${carving}-${access}`, config: JSON.stringify(config) };
    const { passed, failed } = await sanity.runSanity(access, '/tmp/csi-sanity', place);
    expect(passed).toBeGreaterThan(0);
    expect(failed).toBe(0);
  });
});
