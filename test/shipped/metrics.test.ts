import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { run } from '../host/lab/tool.ts';
import type { Wanted } from '../player/player.ts';
import { partitionOf, refusal } from './volume/seen.ts';
import { eventually, MIB, World } from './volume/world.ts';

const DISK = 400n * MIB;
const SIZE = 32n * MIB;
const EXT4: Wanted = { name: 'pvc-measured', sizeBytes: SIZE, access: 'ext4' };

/** One disk in a pool `fast`, whose driver serves metrics. */
async function measured(env: Readonly<Record<string, string>> = {}): Promise<World> {
  const world = await World.empty();
  const disk = await world.disk('disk-0', DISK);
  const listening = { INSTANCE_STORE_CSI_METRICS_ADDRESS: '127.0.0.1:0' };
  await world.start([{ disks: [disk], sanitize: 'zero' }], { ...listening, ...env });
  return world;
}

type Scrape = Readonly<Record<string, number>>;

/** What is served now: samples by name and labels as they are written, without the driver's prefix. */
async function scrape(world: World): Promise<Scrape> {
  const log = await readFile(world.driver.logFile, 'utf8');
  const port = /"port":(\d+),"msg":"serving metrics"/.exec(log)?.[1];
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const samples = [...text.matchAll(/^(?:instance_store_csi_)?([a-z].*) (\S+)$/gm)];
  return Object.fromEntries(samples.map(([, name = '', value]) => [name, Number(value)]));
}

const untilScraped = (world: World, name: string, value: number): Promise<Scrape> =>
  eventually(async () => {
    const scraped = await scrape(world);
    return scraped[name] === value && scraped;
  });

const FREE = 'pool_free_bytes{pool="fast"}';
const TOTAL = 'pool_size_bytes{pool="fast"}';
const QUARANTINED = 'pool_quarantined_bytes{pool="fast"}';
const volumes = (state: string): string => `volumes{pool="fast",state="${state}"}`;
const quarantined = (state: string): string => `quarantined_slices{pool="fast",state="${state}"}`;
const calls = (method: string, code: string): string =>
  `call_duration_seconds_count{method="${method}",code="${code}"}`;

describe('Metrics', () => {
  it('tell the life of a volume', async () => {
    await using world = await measured();
    const { player } = world;
    const blank = await untilScraped(world, 'pool_disks{pool="fast",state="current"}', 1);
    const { availableBytes } = await player.capacity();
    expect(blank).toMatchObject({
      ready: 1,
      'disks{verdict="owned",reason=""}': 1,
      'notices_total{notice="disk-taken"}': 1,
      [FREE]: Number(availableBytes),
      [TOTAL]: Number(availableBytes),
      [volumes('prepared')]: 0,
    });
    expect(blank.looked_timestamp_seconds).toBeGreaterThan(Date.now() / 1000 - 600);
    expect(blank.process_resident_memory_bytes).toBeGreaterThan(Number(20n * MIB));

    const made = await player.create(EXT4);
    await refusal(player.create({ ...EXT4, name: 'pvc-too-large', sizeBytes: 2n * DISK }));
    expect(await scrape(world)).toMatchObject({
      [volumes('carved')]: 1,
      'volume_bytes{pool="fast",state="carved"}': Number(SIZE),
      'local_volume_provisioner_persistentvolume_capacity_bytes{mode="Filesystem"}': Number(SIZE),
      [FREE]: Number(availableBytes - SIZE),
      [TOTAL]: Number(availableBytes),
      [calls('CreateVolume', 'OK')]: 1,
      [calls('CreateVolume', 'RESOURCE_EXHAUSTED')]: 1,
    });

    await player.stage(made);
    const staged = await scrape(world);
    expect(staged).toMatchObject({
      [volumes('carved')]: 0,
      [volumes('prepared')]: 1,
      'command_duration_seconds_count{command="mkfs.ext4"}': 1,
      'prepare_duration_seconds_count{content="ext4"}': 1,
    });
    expect(staged['command_duration_seconds_sum{command="mkfs.ext4"}']).toBeGreaterThan(0);

    await player.unstage(made);
    await player.delete(made.id);
    const over = await untilScraped(world, FREE, Number(availableBytes));
    expect(over).toMatchObject({
      [volumes('prepared')]: 0,
      [QUARANTINED]: 0,
      [quarantined('pending')]: 0,
      'notices_total{notice="sanitized"}': 1,
      'local_volume_provisioner_persistentvolume_delete_total{type="process"}': 1,
    });
  });

  it('tell a volume as lost when a call finds its filesystem gone, and that once, until it is deleted', async () => {
    await using world = await measured();
    const { player } = world;
    const made = await player.create(EXT4);
    await player.stage(made);
    await player.unstage(made);
    await run('wipefs', ['--all', await partitionOf(world.device(), made.id)]);
    await refusal(player.stage(made));
    await refusal(player.stage(made));
    await player.health(made);
    expect(await scrape(world)).toMatchObject({
      [volumes('prepared')]: 0,
      [volumes('lost')]: 1,
      'volume_conditions{status="DATA_LOSS",reason="FilesystemLost"}': 1,
      'notices_total{notice="data-loss"}': 1,
    });
    await player.delete(made.id);
    const deleted = await scrape(world);
    expect(deleted[volumes('lost')]).toBe(0);
    expect(deleted['volume_conditions{status="DATA_LOSS",reason="FilesystemLost"}']).toBeUndefined();
  });

  it('tell a volume as inaccessible while its disk is away', async () => {
    await using world = await measured();
    const made = await world.player.create(EXT4);
    await world.takeOut(world.device());
    await world.lookAgain();
    const away = await untilScraped(world, volumes('inaccessible'), 1);
    expect(made.sizeBytes).toBe(SIZE);
    expect(away).toMatchObject({
      'volume_conditions{status="INACCESSIBLE",reason="DiskAway"}': 1,
      'pool_disks{pool="fast",state="current"}': 0,
      'notices_total{notice="disk-gone"}': 1,
      [TOTAL]: 0,
    });
  });

  it('tell a slice that could not be sanitized as failing, also while it is tried again', async () => {
    await using bin = await failingBlkdiscard();
    await using world = await measured({ PATH: `${bin.folder}:${process.env.PATH}` });
    const made = await world.player.create(EXT4);
    await world.player.delete(made.id);
    expect(await untilScraped(world, quarantined('failing'), 1)).toMatchObject({
      [quarantined('pending')]: 0,
      [QUARANTINED]: Number(SIZE),
      'sanitize_size_bytes{pool="fast"}': Number(SIZE),
      'sanitize_done_bytes{pool="fast"}': 0,
      'command_failures_total{command="blkdiscard",ending="exit"}': 1,
      'local_volume_provisioner_persistentvolume_delete_failed_total{type="process"}': 1,
    });
    await bin.untilTriedAgain();
    expect((await scrape(world))[quarantined('failing')]).toBe(1);
    await bin.repair();
    await untilScraped(world, QUARANTINED, 0);
  });
});

/**
 * A blkdiscard that fails the first time, and waits to be repaired the second. A disk whose discards fail cannot be
 * made of a loop device.
 */
async function failingBlkdiscard() {
  const folder = join('/var/tmp', `isc-blkdiscard-${process.pid}`);
  await mkdir(folder);
  const file = (name: string): string => join(folder, name);
  const script = [
    '#!/bin/sh',
    `[ -e ${file('failed')} ] || { touch ${file('failed')}; exit 1; }`,
    `touch ${file('again')}`,
    `until [ -e ${file('repaired')} ]; do sleep 0.1; done`,
    `PATH=\${PATH#${folder}:} exec blkdiscard "$@"`,
  ];
  await writeFile(file('blkdiscard'), script.join('\n'), { mode: 0o755 });
  const exists = (name: string): Promise<boolean> =>
    access(file(name)).then(
      () => true,
      () => false,
    );
  return {
    folder,
    untilTriedAgain: () => eventually(() => exists('again')),
    repair: () => writeFile(file('repaired'), ''),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
