import type { UseFacts } from '../host/usage.ts';
import type { Disk } from '../model/disk.ts';
import type { Verdict } from '../model/judge.ts';
import { isMade, type OwnerMark } from '../model/mark.ts';
import { matchesPool } from '../model/match.ts';
import { type DeviceNote, isMember } from '../model/note.ts';
import type { Carving, Pool } from '../model/pool.ts';
import type { KernelDecision } from '../model/reconcile.ts';
import type { Step } from '../model/step.ts';
import type { Device } from './device.ts';
import { compareKernel } from './kernel.ts';
import type { Look, Looked } from './look.ts';
import type { MappingFinding } from './mapping.ts';

/** What a look asks for, as steps in the order in which they run. Pure: `plan` prints them, the driver runs them. */
export function planDisks(look: Look): readonly Step[] {
  return look.disks.flatMap((looked) => planDisk(looked, look.uses));
}

export function planDisk({ disk, verdict }: Looked, uses: UseFacts): readonly Step[] {
  switch (verdict.is) {
    case 'owned':
    case 'member':
      return planOwned(disk, verdict.mark, uses);
    case 'blank':
      return planBlank(disk, verdict);
    case 'erasable':
      return planErasable(disk, verdict);
    case 'releasing':
      return [{ kind: 'release', because: 'a person released it', disk: disk.path }];
    case 'joining':
    case 'refused':
      return [];
  }
}

/** What is for an array, or is one, waits for planArrays(). */
function planBlank(
  disk: Disk,
  { pool, resume }: Extract<Verdict, { readonly is: 'blank' }>,
): readonly Step[] {
  const { path } = disk;
  const isForArray = pool.array !== 'none';
  if (disk.array !== undefined || (isForArray && resume === undefined)) return [];
  const fingerprint = resume?.erased;
  if (isForArray && fingerprint !== undefined)
    return [{ kind: 'eraseDisk', because: 'an erasing was cut short', disk: path, pool, fingerprint }];
  const because = resume === undefined ? 'blank' : 'a taking was cut short';
  return [{ kind: 'take', because, disk: path, pool, resume }, ...makings(disk, (resume ?? pool).carving)];
}

function planErasable(
  disk: Disk,
  { pool, fingerprint, resume }: Extract<Verdict, { readonly is: 'erasable' }>,
): readonly Step[] {
  const what = { because: 'named in eraseAndTake', disk: disk.path, pool, fingerprint };
  if (pool.array !== 'none') return [{ kind: 'eraseDisk', ...what }];
  return [{ kind: 'eraseAndTake', ...what }, ...makings(disk, (resume ?? pool).carving)];
}

/** The bad copy of a table first: the kernel reads only the primary at boot. */
function planOwned(disk: Disk, mark: OwnerMark, uses: UseFacts): readonly Step[] {
  const table: readonly Step[] =
    mark.torn === 'none'
      ? []
      : [{ kind: 'rewriteTable', because: 'a write was cut short', disk: disk.path, torn: mark.torn }];
  const kernel = compareKernel(disk, mark.table, uses).flatMap(({ number, decided }) =>
    KERNEL_STEPS[decided.decision].map(
      (kind): Step => ({ kind, because: decided.label, disk: disk.path, number }),
    ),
  );
  const isDue = !isMember(mark.note) && !isMade(mark.table);
  return [...table, ...kernel, ...(isDue ? makings(disk, mark.note.carving) : [])];
}

/** What a taken disk needs before slices can be carved out of it. */
function makings({ path }: Disk, carving: Carving): readonly Step[] {
  return carving === 'lvm' ? [{ kind: 'makeGroup', because: 'not made yet', disk: path }] : [];
}

type RefreshMapping = Extract<Step, { readonly kind: 'refreshMapping' }>;

/** What a kill left of a change of the kernel's mappings. */
export function planMappings(
  { disk }: Device,
  findings: readonly MappingFinding[],
): readonly RefreshMapping[] {
  return findings.flatMap(({ volume, decided }): readonly RefreshMapping[] =>
    volume === undefined || decided.decision !== 'refresh'
      ? []
      : [{ kind: 'refreshMapping', because: decided.label, disk: disk.path, volume: volume.name }],
  );
}

const KERNEL_STEPS: {
  readonly [D in KernelDecision]: readonly ('addPartition' | 'resizePartition' | 'dropPartition')[];
} = {
  nothing: [],
  refuse: [],
  add: ['addPartition'],
  resize: ['resizePartition'],
  drop: ['dropPartition'],
  replace: ['dropPartition', 'addPartition'],
};

/**
 * In words, when the configuration asks for something else than the mark says. The mark wins.
 * @param members of an array
 */
export function differenceOf(
  note: DeviceNote,
  disk: Disk,
  members: readonly Disk[],
  pools: readonly Pool[],
): string | undefined {
  const pool = pools.find(({ name }) => name === note.pool);
  if (pool === undefined) return `the configuration has no pool ${note.pool}`;
  if (pool.carving !== note.carving)
    return `carved as ${note.carving}, pool ${pool.name} now says ${pool.carving}`;
  const level = pool.array === 'none' ? 'none' : pool.array.level;
  if (level !== note.array) return `array ${note.array}, pool ${pool.name} now says ${level}`;
  const unmatched = [disk, ...members].find((one) => !matchesPool(one, pool));
  if (unmatched === undefined) return undefined;
  return `pool ${pool.name} no longer matches ${unmatched === disk ? 'it' : unmatched.path}`;
}
