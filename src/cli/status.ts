import { formatBytes, maxOf } from '../model/bytes.ts';
import { reconcileVolumes } from '../volumes/reconcile.ts';
import type { Report, Situation } from './situation.ts';
import { arrayLines, arrayRows } from './status-arrays.ts';
import {
  capacityOf,
  cordonOfOurs,
  decisionInWords,
  disksOf,
  marksHere,
  mountTargets,
  type Row,
  row,
  section,
  shownSlices,
  verdictInWords,
} from './view.ts';

/** `status`: pools, disks, volumes, capacity, and what waits to be sanitized. */
export function statusReport(situation: Situation): Report {
  const pools = poolRows(situation);
  const disks = disksOf(situation).map((looked) => ({
    disk: looked.disk.path,
    sizeBytes: looked.disk.sizeBytes,
    identity: looked.disk.identity,
    verdict: verdictInWords(situation, looked),
    cordon: cordonOfOurs(situation, looked),
    unread: situation.owned.find((owned) => owned.looked === looked)?.unreadWhy,
  }));
  const arrays = arrayRows(situation);
  const volumes = volumeRows(situation);
  const quarantined = quarantineRows(situation);
  const value = {
    node: situation.context.self.node,
    pools,
    disks,
    arrays,
    volumes,
    quarantined,
    setAside: situation.broken,
  };
  return { value, lines: linesOf(value) };
}

type Status = {
  readonly pools: ReturnType<typeof poolRows>;
  readonly disks: readonly {
    readonly disk: string;
    readonly sizeBytes: bigint;
    readonly verdict: string;
    readonly cordon: string | undefined;
    readonly unread: string | undefined;
  }[];
  readonly arrays: ReturnType<typeof arrayRows>;
  readonly volumes: ReturnType<typeof volumeRows>;
  readonly quarantined: ReturnType<typeof quarantineRows>;
  readonly setAside: readonly string[];
};

function linesOf({ pools, disks, arrays, volumes, quarantined, setAside }: Status): readonly string[] {
  return [
    ...section('Pools', pools.map(poolLine), 'none configured'),
    ...section('Disks', disks.map(diskLine), 'none'),
    ...arrayLines(arrays),
    ...section('Volumes', volumes.map(volumeLine), 'none'),
    ...section(
      'In quarantine, to be sanitized before they are capacity again',
      quarantined.map(quarantineLine),
      'none',
    ),
    ...(setAside.length > 0
      ? section(
          'Records that cannot be read',
          setAside.map((file) => row(file)),
          '',
        )
      : []),
  ];
}

function diskLine({ disk, sizeBytes, verdict, cordon, unread }: Status['disks'][number]): Row {
  const below = [
    ...(cordon === undefined ? [] : [`${cordon}: nothing new is put on it`]),
    ...(unread === undefined ? [] : [`nothing on it is served: ${unread}`]),
  ];
  return { cells: [disk, formatBytes(sizeBytes), verdict], below };
}

function poolLine({ pool, disks, freeBytes, largestBytes, differs }: Status['pools'][number]): Row {
  const counted = disks === 1 ? '1 disk' : `${disks} disks`;
  const [free, largest] = [formatBytes(freeBytes), formatBytes(largestBytes)];
  return { cells: [pool, counted, `${free} free`, `largest volume ${largest}`], below: differs };
}

function volumeLine({ handle, name, sizeBytes, where, state, mounts }: Status['volumes'][number]): Row {
  return { cells: [handle, name ?? '-', formatBytes(sizeBytes), where, state], below: mounts };
}

function quarantineLine({ slice, disk, place, sizeBytes, work }: Status['quarantined'][number]): Row {
  const done = work === undefined ? [] : [`${work.does}, ${formatBytes(work.atBytes)} done`];
  return row(slice, formatBytes(sizeBytes), `${place} of ${disk}`, ...done);
}

function poolRows(situation: Situation) {
  return situation.context.configuration.pools.map(({ name }) => {
    const disks = situation.owned.filter(({ device }) => device.note.pool === name);
    const free = disks.map(capacityOf);
    return {
      pool: name,
      disks: disks.length,
      freeBytes: free.reduce((sum, { totalBytes }) => sum + totalBytes, 0n),
      largestBytes: free.reduce((largest, { largestBytes }) => maxOf(largestBytes, largest), 0n),
      differs: disks.flatMap(({ device: { differs, disk } }) =>
        differs === undefined ? [] : [`${disk.path}: ${differs}`],
      ),
    };
  });
}

function volumeRows(situation: Situation) {
  const seen = shownSlices(situation);
  return reconcileVolumes(situation.records, seen, marksHere(situation)).map(({ handle, decided }) => {
    const found = seen.find(({ slice }) => slice.id === handle && slice.state !== 'quarantine');
    const record = situation.records.find((one) => one.handle === handle);
    const decision = decisionInWords(situation, decided, record);
    return {
      handle,
      name: record?.name,
      sizeBytes: found?.slice.sizeBytes ?? record?.sizeBytes ?? 0n,
      where: found === undefined ? (record?.disk ?? '') : `${found.slice.place} of ${found.disk}`,
      state: found === undefined ? decision : `${found.slice.state}, ${decision}`,
      mounts: found === undefined ? [] : mountTargets(situation, found),
    };
  });
}

/** With what is done to them at this moment, if anything is: sanitizing goes through a slice in pieces. */
function quarantineRows(situation: Situation) {
  const quarantined = shownSlices(situation).filter(({ slice }) => slice.state === 'quarantine');
  return quarantined.map((seen) => {
    const { id, place, sizeBytes } = seen.slice;
    const work = situation.work.find((one) => one.path === seen.node?.path);
    return { slice: id, disk: seen.disk, place, sizeBytes, work };
  });
}
