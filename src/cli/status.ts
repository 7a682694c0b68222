import { formatBytes, maxOf } from '../model/bytes.ts';
import type { KernelPartition } from '../model/disk.ts';
import type { VolumeDecision } from '../model/reconcile.ts';
import { mountsOfPartition } from '../volumes/mounts.ts';
import { reconcileVolumes } from '../volumes/reconcile.ts';
import type { Report, Situation } from './situation.ts';
import { capacityOf, marksHere, ownedDisks, section, seenSlices, verdictInWords } from './view.ts';

/** `status`: pools, disks, volumes, capacity, and what waits to be sanitized. */
export function statusReport(situation: Situation): Report {
  const pools = poolRows(situation);
  const disks = situation.look.disks.map(({ disk, verdict }) => ({
    disk: disk.path,
    sizeBytes: disk.sizeBytes,
    identity: disk.identity,
    verdict: verdictInWords(verdict),
  }));
  const volumes = volumeRows(situation);
  const quarantined = quarantineRows(situation);
  const value = {
    node: situation.context.self.node,
    pools,
    disks,
    volumes,
    quarantined,
    setAside: situation.broken,
  };
  return { value, lines: linesOf(value) };
}

type Status = {
  readonly pools: ReturnType<typeof poolRows>;
  readonly disks: readonly { readonly disk: string; readonly sizeBytes: bigint; readonly verdict: string }[];
  readonly volumes: ReturnType<typeof volumeRows>;
  readonly quarantined: ReturnType<typeof quarantineRows>;
  readonly setAside: readonly string[];
};

function linesOf({ pools, disks, volumes, quarantined, setAside }: Status): readonly string[] {
  const size = formatBytes;
  return [
    ...section(
      'Pools',
      pools.map((pool) => [
        pool.pool,
        `${pool.disks} disks`,
        `${size(pool.freeBytes)} free`,
        `largest volume ${size(pool.largestBytes)}`,
        ...pool.differs,
      ]),
      'none configured',
    ),
    ...section(
      'Disks',
      disks.map(({ disk, sizeBytes, verdict }) => [disk, size(sizeBytes), verdict]),
      'none',
    ),
    ...section(
      'Volumes',
      volumes.map((one) => [one.handle, size(one.sizeBytes), one.where, one.state, ...one.mounts]),
      'none',
    ),
    ...section(
      'In quarantine, to be sanitized before they are capacity again',
      quarantined.map(({ slice, disk, number, sizeBytes, work }) => [
        slice,
        size(sizeBytes),
        `partition ${number} of ${disk}`,
        ...(work === undefined ? [] : [`${work.does}, ${size(work.atBytes)} done`]),
      ]),
      'none',
    ),
    ...(setAside.length > 0
      ? section(
          'Records that cannot be read',
          setAside.map((file) => [file]),
          '',
        )
      : []),
  ];
}

function poolRows(situation: Situation) {
  const owned = ownedDisks(situation);
  return situation.context.configuration.pools.map(({ name }) => {
    const disks = owned.filter(({ mark }) => mark.note.pool === name);
    const free = disks.map(capacityOf);
    return {
      pool: name,
      disks: disks.length,
      freeBytes: free.reduce((sum, { totalBytes }) => sum + totalBytes, 0n),
      largestBytes: free.reduce((largest, { largestBytes }) => maxOf(largestBytes, largest), 0n),
      differs: disks.flatMap(({ differs, looked }) =>
        differs === undefined ? [] : [`${looked.disk.path}: ${differs}`],
      ),
    };
  });
}

const STATES: { readonly [D in VolumeDecision]: string } = {
  nothing: '',
  serve: 'served',
  commit: 'served',
  undo: 'never answered, to be undone',
  forget: 'deleted, record to be forgotten',
  quarantine: 'deleted while its disk was away, to be quarantined',
  wait: 'disk is away',
  lost: 'DATA LOSS: its slice is gone',
  refuse: 'refused: records and disks contradict each other',
};

function volumeRows(situation: Situation) {
  const seen = seenSlices(situation);
  return reconcileVolumes(situation.records, seen, marksHere(situation)).map(({ handle, decided }) => {
    const slice = seen.find((one) => one.slice.id === handle && one.slice.state !== 'quarantine');
    const record = situation.records.find((one) => one.handle === handle);
    return {
      handle,
      name: record?.name,
      sizeBytes: slice?.slice.sizeBytes ?? record?.sizeBytes ?? 0n,
      where: slice === undefined ? (record?.disk ?? '') : `partition ${slice.slice.number} of ${slice.disk}`,
      state: `${slice?.slice.state ?? ''} ${STATES[decided.decision]}`.trim(),
      mounts: slice === undefined ? [] : mountTargets(situation, slice.disk, slice.slice.number),
    };
  });
}

/** With what is done to them at this moment, if anything is: sanitizing goes through a slice in pieces. */
function quarantineRows(situation: Situation) {
  const quarantined = seenSlices(situation).filter(({ slice }) => slice.state === 'quarantine');
  return quarantined.map(({ disk, slice: { id, number, sizeBytes } }) => {
    const path = partitionOf(situation, disk, number)?.path;
    const work = situation.work.find((one) => one.path === path);
    return { slice: id, disk, number, sizeBytes, work };
  });
}

function partitionOf({ look }: Situation, diskPath: string, number: number): KernelPartition | undefined {
  const looked = look.disks.find(({ disk }) => disk.path === diskPath);
  return looked?.disk.partitions.find((one) => one.number === number);
}

function mountTargets(situation: Situation, diskPath: string, number: number): readonly string[] {
  const partition = partitionOf(situation, diskPath, number);
  if (partition === undefined) return [];
  return [...new Set(mountsOfPartition(partition, situation.look.uses.mounts).map(({ target }) => target))];
}
