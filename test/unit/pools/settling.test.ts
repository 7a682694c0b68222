import { describe, expect, it } from '@jest/globals';
import { Settling } from '../../../src/pools/settling.ts';
import { blank, member, poolOf, refused } from './arrays.ts';

const POOL = poolOf('raid1');
const [A, B] = [blank('a', POOL), blank('b', POOL)];

/** Whether the pool is settled after looks at [ms, disks]. */
function settledAt(nowMs: number, ...looks: readonly (readonly [number, readonly (typeof A)[]])[]): boolean {
  const settling = new Settling([POOL]);
  for (const [ms, disks] of looks) settling.see(disks, ms);
  return settling.isSettled(POOL.name, nowMs);
}

describe('Settling', () => {
  it.each<[boolean, string, readonly (readonly [number, readonly (typeof A)[]])[]]>([
    [false, 'before the first look', []],
    [false, 'a moment before the time', [[1, [A, B]]]],
    [true, 'when the time is over', [[0, [A, B]]]],
    [
      true,
      'when the time is over and looks went on',
      [
        [0, [A, B]],
        [30_000, [A, B]],
        [60_000, [A, B]],
      ],
    ],
    [
      false,
      'when a disk came since',
      [
        [0, [A]],
        [20_000, [A, B]],
      ],
    ],
    [
      false,
      'when a disk went since',
      [
        [0, [A, B]],
        [20_000, [A]],
      ],
    ],
    [
      false,
      'when a disk was taken since',
      [
        [0, [A, B]],
        [20_000, [member('a', 'ab'), blank('c', POOL)]],
      ],
    ],
    [
      true,
      'when only a disk came that is for no array',
      [
        [0, [A]],
        [20_000, [A, refused('x')]],
      ],
    ],
  ])('says %j %s', (isSettled, _when, looks) => {
    expect(settledAt(60_000, ...looks)).toBe(isSettled);
  });

  it('waits a minute for arrays of a pool that makes none any more, or is no longer there', () => {
    const settling = new Settling([{ ...POOL, array: 'none' }]);
    settling.see([member('a', 'ab'), member('p', 'pq', { pool: 'gone' })], 0);
    const settledAt = (ms: number) => [POOL.name, 'gone'].map((name) => settling.isSettled(name, ms));
    expect([59_999, 60_000].map(settledAt)).toEqual([
      [false, false],
      [true, true],
    ]);
  });
});
