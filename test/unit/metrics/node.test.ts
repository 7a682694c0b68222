import { beforeEach, describe, expect, it } from '@jest/globals';
import { createNodeMetrics, type NodeMetrics } from '../../../src/metrics/node.ts';
import { DEFAULT_CONFIGURATION } from '../../../src/model/pool.ts';
import type { Uuid } from '../../../src/model/uuid.ts';
import type { Census } from '../../../src/volumes/census.ts';

const MIB = 1024n ** 2n;
const EMPTY: Census = {
  isReady: true,
  lookedAtMs: 1_800_000_000_500,
  verdicts: [],
  pools: [],
  arrays: [],
  volumes: [],
  quarantined: [],
  orphans: [],
};
const POOL = {
  pool: 'fast',
  disks: 3,
  differing: 1,
  cordoned: 1,
  sizeBytes: 300n * MIB,
  availableBytes: 200n * MIB,
  maximumVolumeBytes: 150n * MIB,
};

let metrics: NodeMetrics;
beforeEach(() => {
  metrics = createNodeMetrics('1.2.3');
});

/** The samples of one metric, as they stand in a scrape. */
async function samplesOf(name: string): Promise<readonly string[]> {
  const lines = (await metrics.metrics()).split('\n');
  return lines.filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
}

const shown = (name: string): Promise<readonly string[]> => samplesOf(`instance_store_csi_${name}`);

async function ofCensus(census: Partial<Census>, name: string): Promise<readonly string[]> {
  metrics.countFrom(() => ({ ...EMPTY, ...census }));
  return shown(name);
}

describe('createNodeMetrics()', () => {
  it('shows version and process before there is anything to count, and the node as not ready', async () => {
    expect(await shown('build_info')).toEqual([
      `instance_store_csi_build_info{version="1.2.3",nodejs="${process.versions.node}"} 1`,
    ]);
    expect(await shown('ready')).toEqual(['instance_store_csi_ready 0']);
    const [memory = ''] = await samplesOf('process_resident_memory_bytes');
    expect(Number(memory.split(' ')[1])).toBeGreaterThan(10e6);
    const [cpu = ''] = await samplesOf('process_cpu_seconds_total');
    expect(Number(cpu.split(' ')[1])).toBeGreaterThan(0);
    const [fds = ''] = await samplesOf('process_open_fds');
    expect(Number(fds.split(' ')[1])).toBeGreaterThan(2);
  });

  it('counts orphans by pool, and pools without one as such', async () => {
    const census = { pools: [POOL], orphans: [{ pool: 'fast' }, { pool: 'fast' }] };
    expect(await ofCensus({ pools: [POOL] }, 'orphan_volumes')).toEqual([
      'instance_store_csi_orphan_volumes{pool="fast"} 0',
    ]);
    expect(await ofCensus(census, 'orphan_volumes')).toEqual([
      'instance_store_csi_orphan_volumes{pool="fast"} 2',
    ]);
  });

  it('measures calls by method and code', async () => {
    metrics.onCall({ method: 'CreateVolume', code: 'OK', durationMs: 250 });
    metrics.onCall({ method: 'CreateVolume', code: 'OK', durationMs: 3_000 });
    metrics.onCall({ method: 'CreateVolume', code: 'RESOURCE_EXHAUSTED', durationMs: 1 });
    expect(await shown('call_duration_seconds_count')).toEqual([
      'instance_store_csi_call_duration_seconds_count{method="CreateVolume",code="OK"} 2',
      'instance_store_csi_call_duration_seconds_count{method="CreateVolume",code="RESOURCE_EXHAUSTED"} 1',
    ]);
    expect(await shown('call_duration_seconds_sum')).toContain(
      'instance_store_csi_call_duration_seconds_sum{method="CreateVolume",code="OK"} 3.25',
    );
    expect(await shown('call_duration_seconds_bucket')).toContain(
      'instance_store_csi_call_duration_seconds_bucket{le="0.5",method="CreateVolume",code="OK"} 1',
    );
  });

  it('measures commands by name, and counts the failed ones by how they ended', async () => {
    const command = { args: [], device: undefined, durationMs: 20 };
    metrics.onCommand({ ...command, command: 'blkid', ending: { is: 'exit', code: 2 }, isOk: true });
    metrics.onCommand({ ...command, command: '/opt/node', ending: { is: 'hung' }, isOk: false });
    expect(await shown('command_duration_seconds_count')).toEqual([
      'instance_store_csi_command_duration_seconds_count{command="blkid"} 1',
      'instance_store_csi_command_duration_seconds_count{command="node"} 1',
    ]);
    expect(await shown('command_failures_total')).toEqual([
      'instance_store_csi_command_failures_total{command="node",ending="hung"} 1',
    ]);
  });

  it('counts notices from 0 on, and leaves out those of progress', async () => {
    const slice = '11111111-2222-4333-8444-555555555555' as Uuid;
    metrics.onNotice({ notice: 'sanitizing', slice, doneBytes: 1n, ofBytes: 2n });
    metrics.onNotice({ notice: 'record-set-aside', file: 'x.broken' });
    const notices = await shown('notices_total');
    expect(notices).toContain('instance_store_csi_notices_total{notice="record-set-aside"} 1');
    expect(notices).toContain('instance_store_csi_notices_total{notice="data-loss"} 0');
    expect(notices.join()).not.toContain('sanitizing');
  });

  it('measures preparing and sanitizing, the latter by the names of the static provisioner', async () => {
    const slice = '11111111-2222-4333-8444-555555555555' as Uuid;
    metrics.onNotice({ notice: 'prepared', handle: slice, claim: undefined, what: 'xfs', durationMs: 500 });
    metrics.onNotice({ notice: 'sanitize-failed', slice, disk: '/dev/x', identity: 'x', error: 'no' });
    metrics.onNotice({
      notice: 'sanitized',
      slice,
      disk: '/dev/x',
      identity: 'x',
      sizeBytes: 5n,
      durationMs: 2_000,
    });
    expect(await shown('prepare_duration_seconds_sum')).toEqual([
      'instance_store_csi_prepare_duration_seconds_sum{content="xfs"} 0.5',
    ]);
    const deletes = (await metrics.metrics()).split('\n').filter((line) => line.includes('type="process"'));
    expect(deletes).toEqual(
      expect.arrayContaining([
        'local_volume_provisioner_persistentvolume_delete_total{type="process"} 1',
        'local_volume_provisioner_persistentvolume_delete_failed_total{type="process"} 1',
        'local_volume_provisioner_persistentvolume_delete_duration_seconds_sum{type="process"} 2',
      ]),
    );
  });
});

describe('a census is shown as', () => {
  it('readiness and the time of the last look', async () => {
    expect(await ofCensus({}, 'ready')).toEqual(['instance_store_csi_ready 1']);
    expect(await shown('looked_timestamp_seconds')).toEqual([
      'instance_store_csi_looked_timestamp_seconds 1800000000.5',
    ]);
    expect(await ofCensus({ isReady: false, lookedAtMs: undefined }, 'ready')).toEqual([
      'instance_store_csi_ready 0',
    ]);
    expect(await shown('looked_timestamp_seconds')).toEqual([
      'instance_store_csi_looked_timestamp_seconds 0',
    ]);
  });

  it('disks by verdict, refused ones by reason; a reason that is over leaves no series behind', async () => {
    const [pool] = DEFAULT_CONFIGURATION.pools;
    if (pool === undefined) throw new Error('no pool');
    const refused = (reason: 'mounted' | 'busy') =>
      ({ is: 'refused', first: { reason, detail: '' }, others: [] }) as const;
    const blank = { is: 'blank', pool, resume: undefined } as const;
    const verdicts = [refused('mounted'), refused('mounted'), refused('busy'), blank];
    expect(await ofCensus({ verdicts }, 'disks')).toEqual([
      'instance_store_csi_disks{verdict="owned",reason=""} 0',
      'instance_store_csi_disks{verdict="blank",reason=""} 1',
      'instance_store_csi_disks{verdict="erasable",reason=""} 0',
      'instance_store_csi_disks{verdict="refused",reason="mounted"} 2',
      'instance_store_csi_disks{verdict="refused",reason="busy"} 1',
    ]);
    expect(await ofCensus({ verdicts: [blank] }, 'disks')).toHaveLength(3);
  });

  it('arrays by how they stand, and how far they are synchronised', async () => {
    const arrays = [
      { pool: 'fast', is: 'whole', sync: undefined },
      { pool: 'fast', is: 'degraded', sync: { doneBytes: 40n * MIB, ofBytes: 100n * MIB } },
    ] as const;
    expect(await ofCensus({ pools: [POOL], arrays }, 'arrays')).toEqual([
      'instance_store_csi_arrays{pool="fast",state="whole"} 1',
      'instance_store_csi_arrays{pool="fast",state="degraded"} 1',
      'instance_store_csi_arrays{pool="fast",state="lost"} 0',
      'instance_store_csi_arrays{pool="fast",state="waiting"} 0',
    ]);
    expect(await shown('array_sync_size_bytes')).toEqual([
      `instance_store_csi_array_sync_size_bytes{pool="fast"} ${100n * MIB}`,
    ]);
    expect(await shown('array_sync_done_bytes')).toEqual([
      `instance_store_csi_array_sync_done_bytes{pool="fast"} ${40n * MIB}`,
    ]);
  });

  it('disks and bytes of pools', async () => {
    expect(await ofCensus({ pools: [POOL] }, 'pool_disks')).toEqual([
      'instance_store_csi_pool_disks{pool="fast",state="current"} 1',
      'instance_store_csi_pool_disks{pool="fast",state="differs"} 1',
      'instance_store_csi_pool_disks{pool="fast",state="cordoned"} 1',
    ]);
    expect(await shown('pool_size_bytes')).toEqual([
      'instance_store_csi_pool_size_bytes{pool="fast"} 314572800',
    ]);
    expect(await shown('pool_free_bytes')).toEqual([
      'instance_store_csi_pool_free_bytes{pool="fast"} 209715200',
    ]);
    expect(await shown('pool_largest_volume_bytes')).toEqual([
      'instance_store_csi_pool_largest_volume_bytes{pool="fast"} 157286400',
    ]);
    expect(await shown('pool_quarantined_bytes')).toEqual([
      'instance_store_csi_pool_quarantined_bytes{pool="fast"} 0',
    ]);
  });

  it('volumes by state, with their bytes, modes and conditions', async () => {
    const volume = { pool: 'fast', type: 'mount', sizeBytes: 10n, condition: undefined } as const;
    const condition = { status: 'DATA_LOSS', reason: 'SliceLost', message: 'gone' } as const;
    const volumes: Census['volumes'] = [
      { ...volume, state: 'prepared' },
      { ...volume, state: 'prepared', type: 'block' },
      { ...volume, state: 'lost', condition },
    ];
    expect(await ofCensus({ pools: [POOL], volumes }, 'volumes')).toEqual([
      'instance_store_csi_volumes{pool="fast",state="carved"} 0',
      'instance_store_csi_volumes{pool="fast",state="prepared"} 2',
      'instance_store_csi_volumes{pool="fast",state="unfinished"} 0',
      'instance_store_csi_volumes{pool="fast",state="inaccessible"} 0',
      'instance_store_csi_volumes{pool="fast",state="lost"} 1',
    ]);
    expect(await shown('volume_bytes')).toContain(
      'instance_store_csi_volume_bytes{pool="fast",state="prepared"} 20',
    );
    expect(await shown('volume_conditions')).toEqual([
      'instance_store_csi_volume_conditions{status="DATA_LOSS",reason="SliceLost"} 1',
    ]);
    expect(await samplesOf('local_volume_provisioner_persistentvolume_capacity_bytes')).toEqual([
      'local_volume_provisioner_persistentvolume_capacity_bytes{mode="Filesystem"} 20',
      'local_volume_provisioner_persistentvolume_capacity_bytes{mode="Block"} 10',
    ]);
  });

  it('quarantine: how much, how far, and what cannot be sanitized', async () => {
    const quarantined: Census['quarantined'] = [
      { pool: 'fast', sizeBytes: 100n, progress: undefined },
      { pool: 'fast', sizeBytes: 100n, progress: { doneBytes: 50n, ofBytes: 300n, error: undefined } },
      { pool: 'fast', sizeBytes: 100n, progress: { doneBytes: 0n, ofBytes: 100n, error: 'no' } },
    ];
    expect(await ofCensus({ pools: [POOL], quarantined }, 'quarantined_slices')).toEqual([
      'instance_store_csi_quarantined_slices{pool="fast",state="pending"} 2',
      'instance_store_csi_quarantined_slices{pool="fast",state="failing"} 1',
    ]);
    expect(await shown('pool_quarantined_bytes')).toEqual([
      'instance_store_csi_pool_quarantined_bytes{pool="fast"} 300',
    ]);
    expect(await shown('sanitize_size_bytes')).toEqual([
      'instance_store_csi_sanitize_size_bytes{pool="fast"} 500',
    ]);
    expect(await shown('sanitize_done_bytes')).toEqual([
      'instance_store_csi_sanitize_done_bytes{pool="fast"} 50',
    ]);
  });
});
