import type { UseFacts } from '../host/usage.ts';
import type { Disk } from '../model/disk.ts';
import type { OwnerMark } from '../model/mark.ts';
import { matchesPool } from '../model/match.ts';
import type { DeviceNote } from '../model/note.ts';
import type { Pool } from '../model/pool.ts';
import type { KernelDecision } from '../model/reconcile.ts';
import type { Step } from '../model/step.ts';
import { compareKernel } from './kernel.ts';
import type { Look, Looked } from './look.ts';

/** What a look asks for, as steps in the order in which they run. Pure: `plan` prints them, the driver runs them. */
export function planDisks(look: Look): readonly Step[] {
  return look.disks.flatMap((looked) => planDisk(looked, look.uses));
}

export function planDisk({ disk, verdict }: Looked, uses: UseFacts): readonly Step[] {
  switch (verdict.is) {
    case 'owned':
    case 'member':
      return planOwned(disk, verdict.mark, uses);
    case 'blank': {
      const because = verdict.resume === undefined ? 'blank' : 'a taking was cut short';
      return [{ kind: 'take', because, disk: disk.path, pool: verdict.pool, resume: verdict.resume }];
    }
    case 'erasable': {
      const { pool, fingerprint } = verdict;
      return [{ kind: 'eraseAndTake', because: 'named in eraseAndTake', disk: disk.path, pool, fingerprint }];
    }
    case 'joining':
    case 'refused':
      return [];
  }
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
  return [...table, ...kernel];
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

/** In words, when the configuration asks for something else than the mark says. The mark wins. */
export function differenceOf(note: DeviceNote, disk: Disk, pools: readonly Pool[]): string | undefined {
  const pool = pools.find(({ name }) => name === note.pool);
  if (pool === undefined) return `the configuration has no pool ${note.pool}`;
  if (pool.carving !== note.carving)
    return `carved as ${note.carving}, pool ${pool.name} now says ${pool.carving}`;
  const level = pool.array === 'none' ? 'none' : pool.array.level;
  if (level !== note.array) return `array ${note.array}, pool ${pool.name} now says ${level}`;
  return matchesPool(disk, pool) ? undefined : `pool ${pool.name} no longer matches it`;
}
