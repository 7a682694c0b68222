import { freeBytes } from '../model/allocate.ts';
import type { Verdict } from '../model/judge.ts';
import type { OwnerMark } from '../model/mark.ts';
import { slicesOf } from '../model/slice.ts';
import type { Uuid } from '../model/uuid.ts';
import type { Looked } from '../pools/look.ts';
import { differenceOf } from '../pools/plan.ts';
import type { SeenSlice } from '../volumes/reconcile.ts';
import type { Situation } from './situation.ts';

/** Parts of a situation that several commands show. */

export type OwnedDisk = {
  readonly looked: Looked;
  readonly mark: OwnerMark;
  readonly differs: string | undefined;
};

export function ownedDisks({ look, context }: Situation): readonly OwnedDisk[] {
  return look.disks.flatMap((looked) => {
    if (looked.verdict.is !== 'owned') return [];
    const { mark } = looked.verdict;
    return [{ looked, mark, differs: differenceOf(mark.note, looked.disk, context.configuration.pools) }];
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

/** `owned by pool fast`, `blank, pool fast`, `refused: mounted (/mnt (ext4 on /dev/sdb1))`. */
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

export function capacityOf({ mark, differs }: OwnedDisk): {
  readonly totalBytes: bigint;
  readonly largestBytes: bigint;
} {
  return differs === undefined
    ? freeBytes(mark.table, mark.note.carving)
    : { totalBytes: 0n, largestBytes: 0n };
}

/** Rows as aligned columns. */
function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

export function section(
  title: string,
  rows: readonly (readonly string[])[],
  none: string,
): readonly string[] {
  return [title, ...(rows.length > 0 ? columns(rows).map((line) => `  ${line}`) : [`  ${none}`]), ''];
}
