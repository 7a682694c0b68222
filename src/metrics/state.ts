import type { Registry } from 'prom-client';
import { ARRAY_STANDINGS } from '../model/array.ts';
import type { Verdict } from '../model/judge.ts';
import { type Census, VOLUME_STATES } from '../volumes/census.ts';
import { addGauge } from './define.ts';

/** What there is: gauges whose samples are made anew from a census, so that what is gone leaves no series behind. */

type Sample = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

type StateGauge = {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Values of equal labels add up. */
  readonly samplesOf: (census: Census) => readonly Sample[];
};

/** @returns what sets the gauges */
export function addStateGauges(registry: Registry): (census: Census) => void {
  const gauges = [...OF_NODE, ...OF_POOLS, ...OF_ARRAYS, ...OF_VOLUMES, ...OF_QUARANTINE].map(
    ({ samplesOf, labelNames, ...rest }) => ({
      gauge: addGauge(registry, { ...rest, labelNames: [...labelNames] }),
      samplesOf,
    }),
  );
  return (census) => {
    for (const { gauge, samplesOf } of gauges) {
      gauge.reset();
      for (const { labels, value } of samplesOf(census)) gauge.inc(labels, value);
    }
  };
}

function sample(labels: Sample['labels'], value: bigint | number): Sample {
  return { labels, value: Number(value) };
}

/** A series for each pool, and state if there are any, so that none is told as 0 and not as absent. */
function zeros({ pools }: Census, states?: readonly string[]): readonly Sample[] {
  return pools.flatMap(
    ({ pool }) => states?.map((state) => sample({ pool, state }, 0)) ?? [sample({ pool }, 0)],
  );
}

const ALWAYS_SHOWN: readonly Verdict['is'][] = ['owned', 'blank', 'erasable'];

const OF_NODE: readonly StateGauge[] = [
  {
    name: 'instance_store_csi_ready',
    help: '1 when the disks were looked at and the state directory is ours, else 0.',
    labelNames: [],
    samplesOf: ({ isReady }) => [sample({}, isReady ? 1 : 0)],
  },
  {
    name: 'instance_store_csi_looked_timestamp_seconds',
    help: 'When the last look at all disks ended well, in seconds since the epoch; 0 before the first.',
    labelNames: [],
    samplesOf: ({ lookedAtMs }) => [sample({}, (lookedAtMs ?? 0) / 1000)],
  },
  {
    name: 'instance_store_csi_disks',
    help: 'Disks of the node by verdict; the refused ones by the reason that is named first.',
    labelNames: ['verdict', 'reason'],
    samplesOf: ({ verdicts }) => [
      ...ALWAYS_SHOWN.map((verdict) => sample({ verdict, reason: '' }, 0)),
      ...verdicts.map((verdict) =>
        sample({ verdict: verdict.is, reason: verdict.is === 'refused' ? verdict.first.reason : '' }, 1),
      ),
    ],
  },
];

const OF_POOLS: readonly StateGauge[] = [
  {
    name: 'instance_store_csi_pool_disks',
    help: 'Disks that are served: `current`, `differs` when they get nothing new because the configuration says something else than their mark, `cordoned` when a person said so.',
    labelNames: ['pool', 'state'],
    samplesOf: ({ pools }) =>
      pools.flatMap(({ pool, disks, differing, cordoned }) => [
        sample({ pool, state: 'current' }, disks - differing - cordoned),
        sample({ pool, state: 'differs' }, differing),
        sample({ pool, state: 'cordoned' }, cordoned),
      ]),
  },
  {
    name: 'instance_store_csi_pool_size_bytes',
    help: 'What slices can use on the disks of a pool, whether they do or not.',
    labelNames: ['pool'],
    samplesOf: ({ pools }) => pools.map(({ pool, sizeBytes }) => sample({ pool }, sizeBytes)),
  },
  {
    name: 'instance_store_csi_pool_free_bytes',
    help: 'What new volumes can get, as GetCapacity answers.',
    labelNames: ['pool'],
    samplesOf: ({ pools }) => pools.map(({ pool, availableBytes }) => sample({ pool }, availableBytes)),
  },
  {
    name: 'instance_store_csi_pool_largest_volume_bytes',
    help: 'The largest single volume that the pool can still give.',
    labelNames: ['pool'],
    samplesOf: ({ pools }) =>
      pools.map(({ pool, maximumVolumeBytes }) => sample({ pool }, maximumVolumeBytes)),
  },
  {
    name: 'instance_store_csi_pool_quarantined_bytes',
    help: 'Slices of deleted volumes, which are no capacity until they are sanitized.',
    labelNames: ['pool'],
    samplesOf: (census) => [
      ...zeros(census),
      ...census.quarantined.map(({ pool, sizeBytes }) => sample({ pool }, sizeBytes)),
    ],
  },
];

const OF_ARRAYS: readonly StateGauge[] = [
  {
    name: 'instance_store_csi_arrays',
    help: 'Arrays of which disks are here: `whole`, `degraded` (a disk is missing or being rebuilt), `lost` until disks come back, `waiting` (not served, and nothing is lost).',
    labelNames: ['pool', 'state'],
    samplesOf: (census) => [
      ...zeros(census, ARRAY_STANDINGS),
      ...census.arrays.map(({ pool, is }) => sample({ pool, state: is }, 1)),
    ],
  },
  {
    name: 'instance_store_csi_array_sync_size_bytes',
    help: 'Bytes of each disk to go over for what is being synchronised or rebuilt now.',
    labelNames: ['pool'],
    samplesOf: (census) => [
      ...zeros(census),
      ...census.arrays.map(({ pool, sync }) => sample({ pool }, sync?.ofBytes ?? 0n)),
    ],
  },
  {
    name: 'instance_store_csi_array_sync_done_bytes',
    help: 'How many of these bytes were gone over, as the last look found.',
    labelNames: ['pool'],
    samplesOf: (census) => [
      ...zeros(census),
      ...census.arrays.map(({ pool, sync }) => sample({ pool }, sync?.doneBytes ?? 0n)),
    ],
  },
];

const OF_VOLUMES: readonly StateGauge[] = [
  {
    name: 'instance_store_csi_volumes',
    help: 'Volumes: `carved` (never staged), `prepared`, `unfinished` (being created or deleted), `inaccessible`, `lost`.',
    labelNames: ['pool', 'state'],
    samplesOf: (census) => [
      ...zeros(census, VOLUME_STATES),
      ...census.volumes.map(({ pool, state }) => sample({ pool, state }, 1)),
    ],
  },
  {
    name: 'instance_store_csi_volume_bytes',
    help: 'Sizes of the volumes of a pool and state together.',
    labelNames: ['pool', 'state'],
    samplesOf: (census) => [
      ...zeros(census, VOLUME_STATES),
      ...census.volumes.map(({ pool, state, sizeBytes }) => sample({ pool, state }, sizeBytes)),
    ],
  },
  {
    name: 'instance_store_csi_volume_conditions',
    help: 'Volumes that are lost or inaccessible, by status and reason of CSI volume health.',
    labelNames: ['status', 'reason'],
    samplesOf: ({ volumes }) =>
      volumes.flatMap(({ condition }) =>
        condition === undefined ? [] : [sample({ status: condition.status, reason: condition.reason }, 1)],
      ),
  },
  {
    name: 'instance_store_csi_orphan_volumes',
    help: 'Volumes without a PersistentVolume, for so long that they were told.',
    labelNames: ['pool'],
    samplesOf: (census) => [...zeros(census), ...census.orphans.map(({ pool }) => sample({ pool }, 1))],
  },
  {
    // Of the local volume static provisioner, with its values of `mode`.
    name: 'local_volume_provisioner_persistentvolume_capacity_bytes',
    help: 'Sizes of all volumes together, by mode: `Filesystem` or `Block`.',
    labelNames: ['mode'],
    samplesOf: ({ volumes }) => [
      sample({ mode: 'Filesystem' }, 0),
      sample({ mode: 'Block' }, 0),
      ...volumes.map(({ type, sizeBytes }) =>
        sample({ mode: type === 'block' ? 'Block' : 'Filesystem' }, sizeBytes),
      ),
    ],
  },
];

const OF_QUARANTINE: readonly StateGauge[] = [
  {
    name: 'instance_store_csi_quarantined_slices',
    help: 'Slices of deleted volumes: `pending` ones are being sanitized or wait for it, `failing` ones could not be and are tried again.',
    labelNames: ['pool', 'state'],
    samplesOf: (census) => [
      ...zeros(census, ['pending', 'failing']),
      ...census.quarantined.map(({ pool, progress }) =>
        sample({ pool, state: progress?.error === undefined ? 'pending' : 'failing' }, 1),
      ),
    ],
  },
  {
    name: 'instance_store_csi_sanitize_size_bytes',
    help: 'Bytes to go over for what is in quarantine now, all passes counted, done or not.',
    labelNames: ['pool'],
    samplesOf: (census) => [
      ...zeros(census),
      ...census.quarantined.map(({ pool, sizeBytes, progress }) =>
        sample({ pool }, progress?.ofBytes ?? sizeBytes),
      ),
    ],
  },
  {
    name: 'instance_store_csi_sanitize_done_bytes',
    help: 'How many of these bytes were gone over.',
    labelNames: ['pool'],
    samplesOf: (census) => [
      ...zeros(census),
      ...census.quarantined.map(({ pool, progress }) => sample({ pool }, progress?.doneBytes ?? 0n)),
    ],
  },
];
