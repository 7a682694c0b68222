import { type ArrayStanding, arrayIdentity } from '../model/array.ts';
import type { Disk } from '../model/disk.ts';
import { poolsFor } from '../model/judge.ts';
import type { DeviceMark } from '../model/mark.ts';
import type { Uuid } from '../model/uuid.ts';
import { healthOf } from './array-health.ts';
import type { ArrayView } from './arrays.ts';
import type { PoolsContext } from './context.ts';
import { compareKernel } from './kernel.ts';
import { isSame, type Look, type Looked } from './look.ts';

/** What a look is worth telling. */

/** Why disks are refused, where that is new. */
export function tellRefused(
  { configuration, notify }: PoolsContext,
  seen: Look,
  earlier: readonly Looked[],
): void {
  for (const { disk, verdict } of seen.disks) {
    const before = earlier.find((one) => isSame(one.disk, disk))?.verdict;
    if (verdict.is !== 'refused') continue;
    if (before?.is === 'refused' && before.first.reason === verdict.first.reason) continue;
    const pools = poolsFor(disk, configuration.pools).map(({ name }) => name);
    const { path, identity } = disk;
    notify({ notice: 'disk-refused', disk: path, identity, pools, ...verdict.first });
  }
}

/** Partitions of a disk that is served, of which kernel and table differ and that are in use. */
export function tellContradictions(
  { notify }: PoolsContext,
  disk: Disk,
  { table }: DeviceMark,
  { uses }: Look,
): void {
  for (const { number, decided } of compareKernel(disk, table, uses)) {
    if (decided.decision !== 'refuse') continue;
    const about = `partition ${number} of ${disk.path}`;
    const what = 'kernel and table differ, and it is in use';
    notify({ notice: 'contradiction', about, label: decided.label, what });
  }
}

/** How arrays stand, once for each change; that one is whole which was never anything else is no news. */
export class ArrayNews {
  private readonly told = new Map<Uuid, ArrayStanding>();

  tell({ notify }: PoolsContext, arrays: readonly ArrayView[]): void {
    for (const array of arrays) {
      const { uuid, note } = array;
      const { is, what } = healthOf(array);
      if (is === (this.told.get(uuid) ?? 'whole')) continue;
      this.told.set(uuid, is);
      notify({ notice: `array-${is}`, identity: arrayIdentity(uuid), pool: note.pool, what });
    }
  }
}
