import { DEFAULT_SETTLE_MS, type Pool } from '../model/pool.ts';
import type { Looked } from './look.ts';

/** Since when nothing new came to the arrays of a pool: a disk that is late is waited for, but not for ever. */
export class Settling {
  private readonly pools: readonly Pool[];
  private readonly seen = new Map<string, { readonly disks: string; readonly sinceMs: number }>();

  constructor(pools: readonly Pool[]) {
    this.pools = pools;
  }

  see(disks: readonly Looked[], nowMs = performance.now()): void {
    for (const name of this.names(disks)) {
      const now = JSON.stringify(
        disks.filter((looked) => isOf(looked, name)).map(({ disk }) => disk.identity),
      );
      if (this.seen.get(name)?.disks !== now) this.seen.set(name, { disks: now, sinceMs: nowMs });
    }
  }

  /** Those too that the configuration no longer has, and whose arrays are served. */
  private names(disks: readonly Looked[]): ReadonlySet<string> {
    const noted = disks.flatMap(({ verdict }) => (verdict.is === 'member' ? [verdict.mark.note.pool] : []));
    return new Set([...this.pools.map(({ name }) => name), ...noted]);
  }

  isSettled(pool: string, nowMs = performance.now()): boolean {
    const raid = this.pools.find(({ name }) => name === pool)?.array ?? 'none';
    const settleMs = raid === 'none' ? DEFAULT_SETTLE_MS : raid.settleMs;
    const { sinceMs = nowMs } = this.seen.get(pool) ?? {};
    return nowMs - sinceMs >= settleMs;
  }
}

/** A part of the pool's arrays, or one to be. */
function isOf({ verdict }: Looked, pool: string): boolean {
  switch (verdict.is) {
    case 'member':
      return verdict.mark.note.pool === pool;
    case 'joining':
      return verdict.note.pool === pool;
    case 'blank':
    case 'erasable':
      return verdict.pool.name === pool;
    case 'owned':
    case 'releasing':
    case 'refused':
      return false;
  }
}
