import { assertNever } from '../model/errors.ts';
import type { Verdict } from '../model/judge.ts';
import type { VolumeRecord } from '../model/record.ts';
import type { Uuid } from '../model/uuid.ts';
import type { Capacity, Health } from '../model/volume.ts';
import { type ArrayHealth, healthOf } from '../pools/array-health.ts';
import type { Placed } from '../pools/device.ts';
import type { VolumesContext } from './context.ts';
import { lossOf } from './health.ts';
import type { LostFilesystems } from './lost-filesystems.ts';
import type { VolumeFinding } from './reconcile.ts';
import type { SanitizeProgress } from './sanitize.ts';

/** What there is on this node, out of the last look and the records: metrics are counted from it. */
export type Census = {
  readonly isReady: boolean;
  /** When the last look at all disks ended well, in ms since the epoch. */
  readonly lookedAtMs: number | undefined;
  readonly verdicts: readonly Verdict[];
  readonly pools: readonly PoolCensus[];
  readonly arrays: readonly ArrayCensus[];
  readonly volumes: readonly VolumeCensus[];
  readonly quarantined: readonly QuarantineCensus[];
  /** Volumes that no PersistentVolume speaks of. */
  readonly orphans: readonly { readonly pool: string }[];
};

/** A pool of the configuration, or one that only the mark of a disk still names. */
type PoolCensus = Capacity & {
  readonly pool: string;
  /** Disks that are served, and those of them that get nothing new since the configuration says something else. */
  readonly disks: number;
  readonly differing: number;
  /** Those of the others that get nothing new since a person said so. */
  readonly cordoned: number;
  /** What slices could use were there none. */
  readonly sizeBytes: bigint;
};

type ArrayCensus = Pick<ArrayHealth, 'is' | 'sync'> & { readonly pool: string };

type VolumeCensus = {
  readonly pool: string;
  readonly type: 'mount' | 'block';
  readonly sizeBytes: bigint;
  readonly state: VolumeState;
  /** What is wrong with a volume that is lost or inaccessible. */
  readonly condition: Health | undefined;
};

/**
 * `unfinished`: its creation was not answered yet, or its deletion was and is still being carried out.
 * `inaccessible`: it was answered, and its slice is not served now. `lost`: its data are gone.
 */
export const VOLUME_STATES = ['carved', 'prepared', 'unfinished', 'inaccessible', 'lost'] as const;
type VolumeState = (typeof VOLUME_STATES)[number];

type QuarantineCensus = {
  readonly pool: string;
  readonly sizeBytes: bigint;
  /** Undefined until the sanitizer has it. */
  readonly progress: SanitizeProgress | undefined;
};

type Sources = {
  readonly context: VolumesContext;
  readonly findings: readonly VolumeFinding[];
  readonly lostFilesystems: LostFilesystems;
  readonly progress: ReadonlyMap<Uuid, SanitizeProgress>;
};

export function takeCensus(
  sources: Sources,
): Pick<Census, 'verdicts' | 'pools' | 'arrays' | 'volumes' | 'quarantined'> {
  const { context, findings, progress } = sources;
  const placed = context.pools.placed();
  const quarantined = placed.filter(({ slice }) => slice.state === 'quarantine');
  const slices = new Map(
    placed.flatMap((one) => (one.slice.state === 'quarantine' ? [] : [[one.slice.id, one] as const])),
  );
  return {
    verdicts: context.pools.looked().map(({ verdict }) => verdict),
    pools: poolNames(context).map((pool) => poolCensus(context, pool)),
    arrays: context.pools.arrays().map((array) => ({ pool: array.note.pool, ...healthOf(array) })),
    volumes: findings.flatMap((finding) => volumeCensus(sources, finding, slices.get(finding.handle)) ?? []),
    quarantined: quarantined.map(({ device, slice }) => ({
      pool: device.note.pool,
      sizeBytes: slice.sizeBytes,
      progress: progress.get(slice.id),
    })),
  };
}

function poolNames({ pools }: VolumesContext): readonly string[] {
  const marked = pools.devices().map(({ note }) => note.pool);
  return [...new Set([...pools.pools().map(({ name }) => name), ...marked])];
}

function poolCensus({ pools }: VolumesContext, pool: string): PoolCensus {
  const devices = pools.devices(pool);
  return {
    pool,
    disks: devices.length,
    differing: devices.filter(({ differs }) => differs !== undefined).length,
    cordoned: devices.filter(({ differs, cordoned }) => differs === undefined && cordoned !== undefined)
      .length,
    sizeBytes: devices.reduce((sum, { carved }) => sum + carved.sliceableBytes, 0n),
    ...pools.capacity(pool),
  };
}

/** Undefined for a record that is all that is left of a volume. */
function volumeCensus(
  sources: Sources,
  finding: VolumeFinding,
  placed: Placed | undefined,
): VolumeCensus | undefined {
  const record = sources.context.records.get(finding.handle);
  const pool = placed?.device.note.pool ?? record?.pool;
  const standing = standingOf(sources, finding, placed, record);
  if (pool === undefined || standing === undefined) return undefined;
  const sizeBytes = placed?.slice.sizeBytes ?? record?.sizeBytes ?? 0n;
  return { pool, type: typeOf(placed, record), sizeBytes, ...standing };
}

type Standing = Pick<VolumeCensus, 'state' | 'condition'>;

const UNFINISHED: Standing = { state: 'unfinished', condition: undefined };

function standingOf(
  { context, lostFilesystems }: Sources,
  { handle, decided }: VolumeFinding,
  placed: Placed | undefined,
  record: VolumeRecord | undefined,
): Standing | undefined {
  const { decision } = decided;
  switch (decision) {
    case 'nothing':
    case 'forget':
      return undefined;
    case 'undo':
    case 'quarantine':
      return UNFINISHED;
    case 'serve':
    case 'commit': {
      const condition = lostFilesystems.of(handle);
      const reached = placed?.slice.state === 'prepared' ? 'prepared' : 'carved';
      return { state: condition === undefined ? reached : 'lost', condition };
    }
    case 'wait':
    case 'lost':
    case 'refuse': {
      if (record !== undefined && record.state !== 'committed') return UNFINISHED;
      const condition = lossOf(context, handle);
      return { state: condition?.status === 'DATA_LOSS' ? 'lost' : 'inaccessible', condition };
    }
    default:
      return assertNever(decision, 'decision');
  }
}

/** The slice tells it once it is prepared; before, the record does. */
function typeOf(placed: Placed | undefined, record: VolumeRecord | undefined): 'mount' | 'block' {
  if (placed?.slice.state === 'prepared') return placed.slice.block ? 'block' : 'mount';
  return record?.capabilities[0]?.access.type ?? 'mount';
}
