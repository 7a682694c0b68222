import { freeBytes } from '../model/allocate.ts';
import type { KernelPartition } from '../model/disk.ts';
import type { Verdict } from '../model/judge.ts';
import type { OwnerMark } from '../model/mark.ts';
import type { VolumeDecision } from '../model/reconcile.ts';
import { slicesOf } from '../model/slice.ts';
import type { Uuid } from '../model/uuid.ts';
import type { Looked } from '../pools/look.ts';
import { differenceOf } from '../pools/plan.ts';
import { mountsOfPartition } from '../volumes/mounts.ts';
import type { SeenSlice } from '../volumes/reconcile.ts';
import type { Situation } from './situation.ts';

/** Parts of a situation that several commands show, and their words. */

export type OwnedDisk = {
  readonly looked: Looked;
  readonly mark: OwnerMark;
  readonly differs: string | undefined;
};

/** In the order of their names, `loop4` before `loop12`. */
export function disksOf({ look }: Situation): readonly Looked[] {
  return look.disks.toSorted((a, b) => a.disk.name.localeCompare(b.disk.name, 'en', { numeric: true }));
}

export function ownedDisks(situation: Situation): readonly OwnedDisk[] {
  const { pools } = situation.context.configuration;
  return disksOf(situation).flatMap((looked) => {
    if (looked.verdict.is !== 'owned') return [];
    const { mark } = looked.verdict;
    return [{ looked, mark, differs: differenceOf(mark.note, looked.disk, pools) }];
  });
}

export function seenSlices(situation: Situation): readonly SeenSlice[] {
  return ownedDisks(situation).flatMap(({ looked, mark }) =>
    slicesOf(mark.table).map((slice) => ({ mark: mark.note.mark, disk: looked.disk.path, slice })),
  );
}

export function marksHere(situation: Situation): ReadonlySet<Uuid> {
  return new Set(ownedDisks(situation).map(({ mark }) => mark.note.mark));
}

/** As the kernel shows it now. */
export function partitionOf({ look }: Situation, { disk, slice }: SeenSlice): KernelPartition | undefined {
  const looked = look.disks.find((one) => one.disk.path === disk);
  return looked?.disk.partitions.find(({ number }) => number === slice.number);
}

/** Where a slice is mounted, or its device node is bound. */
export function mountTargets(situation: Situation, seen: SeenSlice): readonly string[] {
  const partition = partitionOf(situation, seen);
  if (partition === undefined) return [];
  return [...new Set(mountsOfPartition(partition, situation.look.uses.mounts).map(({ target }) => target))];
}

/** `owned by pool fast`, `blank, to be taken for pool fast`, `refused: mounted (/mnt (ext4 on /dev/sdb1))`. */
export function verdictInWords(verdict: Verdict): string {
  switch (verdict.is) {
    case 'owned':
      return `owned by pool ${verdict.mark.note.pool}`;
    case 'blank':
      return `blank, to be taken for pool ${verdict.pool.name}`;
    case 'erasable':
      return `to be erased and taken for pool ${verdict.pool.name}`;
    case 'refused':
      return `refused: ${verdict.first.reason} (${verdict.first.detail})`;
  }
}

/** What becomes of a volume, by its records and slices alone. */
export const DECISION_IN_WORDS: { readonly [D in VolumeDecision]: string } = {
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

export function capacityOf({ mark, differs }: OwnedDisk): {
  readonly totalBytes: bigint;
  readonly largestBytes: bigint;
} {
  return differs === undefined
    ? freeBytes(mark.table, mark.note.carving)
    : { totalBytes: 0n, largestBytes: 0n };
}

/** A line of cells, and the lines that belong below it. */
export type Row = { readonly cells: readonly string[]; readonly below: readonly string[] };

export const row = (...cells: readonly string[]): Row => ({ cells, below: [] });

export function section(title: string, rows: readonly Row[], none: string): readonly string[] {
  const lines = columns(rows.map(({ cells }) => cells));
  const body = rows.flatMap(({ below }, at) => [lines[at] ?? '', ...below.map((line) => `    ${line}`)]);
  return [title, ...(body.length > 0 ? body : [none]).map((line) => `  ${line}`), ''];
}

/** Each column as wide as its widest cell. */
function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const count = Math.max(0, ...rows.map((cells) => cells.length));
  const widths = Array.from({ length: count }, (_, at) =>
    Math.max(...rows.map((cells) => cells[at]?.length ?? 0)),
  );
  return rows.map((cells) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Lines about one thing: its label before the first of them, the others below it. */
export function labelled(label: string, lines: readonly string[]): readonly string[] {
  return lines.map((line, at) => `  ${(at === 0 ? label : '').padEnd(10)} ${line}`);
}
