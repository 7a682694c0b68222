import { arrayIdentity } from '../model/array.ts';
import { cordonInWords } from '../model/cordon.ts';
import type { VolumeDecision } from '../model/reconcile.ts';
import type { VolumeRecord } from '../model/record.ts';
import type { Decided } from '../model/rows.ts';
import type { Uuid } from '../model/uuid.ts';
import type { Looked } from '../pools/look.ts';
import { mountsOfNode } from '../volumes/mounts.ts';
import type { OwnedDisk, ShownSlice, Situation } from './situation.ts';

/** Parts of a situation that several commands show, and their words. */

/** In the order of their names, `loop4` before `loop12`. */
export function disksOf({ look }: Pick<Situation, 'look'>): readonly Looked[] {
  return look.disks.toSorted((a, b) => a.disk.name.localeCompare(b.disk.name, 'en', { numeric: true }));
}

export function shownSlices({ owned }: Situation): readonly ShownSlice[] {
  return owned.flatMap(({ slices }) => slices);
}

/** Of disks whose slices are known. */
export function marksHere({ owned }: Situation): ReadonlySet<Uuid> {
  return new Set(owned.flatMap(({ device, unreadWhy }) => (unreadWhy === undefined ? [device.mark] : [])));
}

/** Why nobody can tell what the disk of this mark bears. */
export function unreadWhyOf({ owned }: Situation, mark: Uuid | undefined): string | undefined {
  return owned.find(({ device }) => device.mark === mark)?.unreadWhy;
}

/** Where a slice is mounted, or its device node is bound. */
export function mountTargets({ look }: Situation, { node }: ShownSlice): readonly string[] {
  if (node === undefined) return [];
  return [...new Set(mountsOfNode(node, look.uses.mounts).map(({ target }) => target))];
}

/** A blank disk that no array is made of now. */
export function isLeft({ arrays }: Situation, looked: Looked): boolean {
  return arrays.left.some((one) => one.looked === looked);
}

/** `owned by pool fast`, `blank, to be taken for pool fast`, `refused: mounted (/mnt (ext4 on /dev/sdb1))`. */
export function verdictInWords({ arrays }: Situation, looked: Looked): string {
  const { verdict } = looked;
  const left = arrays.left.find((one) => one.looked === looked);
  if (left !== undefined) return `blank, ${left.why}`;
  switch (verdict.is) {
    case 'owned':
      return `owned by pool ${verdict.mark.note.pool}`;
    case 'member':
      return `owned by pool ${verdict.mark.note.pool}, a part of ${arrayIdentity(verdict.mark.note.arrayUuid)}`;
    case 'joining':
      return `to be taken for pool ${verdict.note.pool}, as a part of ${arrayIdentity(verdict.note.arrayUuid)}`;
    case 'releasing':
      return `to be released from pool ${verdict.note.pool}`;
    case 'blank':
      return `blank, to be taken for pool ${verdict.pool.name}`;
    case 'erasable':
      return `to be erased and taken for pool ${verdict.pool.name}`;
    case 'refused':
      return `refused: ${verdict.first.reason} (${verdict.first.detail})`;
  }
}

/** Why nothing new is put on a disk of ours; one that is not ours has it in its verdict. */
export function cordonOfOurs({ context }: Situation, { disk, verdict }: Looked): string | undefined {
  return verdict.is === 'refused' ? undefined : cordonInWords(context.cordons.of(disk.identity));
}

/** What becomes of a volume, by its records and slices alone, and by what its array lacks. */
export function decisionInWords(
  { arrays }: Situation,
  { decision }: Decided<VolumeDecision>,
  record: VolumeRecord | undefined,
): string {
  const array = arrays.arrays.find(({ uuid }) => uuid === record?.mark);
  const isLost = decision === 'wait' && array?.decided.decision === 'lost';
  return isLost ? 'DATA LOSS: its array lacks a disk' : DECISION_IN_WORDS[decision];
}

const DECISION_IN_WORDS: { readonly [D in VolumeDecision]: string } = {
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

export function capacityOf({ device }: OwnedDisk): {
  readonly totalBytes: bigint;
  readonly largestBytes: bigint;
} {
  return device.closedWhy === undefined ? device.carved.free : { totalBytes: 0n, largestBytes: 0n };
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
