import { describe, expect, it } from '@jest/globals';
import fc, { type Arbitrary } from 'fast-check';
import {
  canRunWithout,
  gatherDisks,
  MEMBERS_MAX,
  MEMBERS_MIN,
  memberBytesOf,
} from '../../src/model/array.ts';
import { MIB } from '../../src/model/bytes.ts';
import type { Disk } from '../../src/model/disk.ts';
import { usableRange } from '../../src/model/gpt.ts';
import type { Raid } from '../../src/model/pool.ts';
import { DISK } from '../unit/model/fixtures.ts';

const anyRaid: Arbitrary<Raid> = fc.record({
  level: fc.constantFrom('raid0', 'raid1', 'raid10'),
  count: fc.option(fc.integer({ min: MEMBERS_MIN, max: MEMBERS_MAX }), { nil: undefined }),
  settleMs: fc.nat(),
  chunkBytes: fc.nat(12).map((power) => 4096n << BigInt(power)),
});

const anyDisks: Arbitrary<readonly Disk[]> = fc
  .uniqueArray(
    fc.record({
      identity: fc.nat(1000).map((number) => `disk ${number}`),
      sizeBytes: fc.bigInt(64n, 70n).map((mib) => mib * MIB),
      logicalBlockBytes: fc.constantFrom(512, 4096),
    }),
    { selector: ({ identity }) => identity, maxLength: 80 },
  )
  .map((disks) => disks.map((disk) => ({ ...DISK, ...disk })));

const inOrder = ({ groups }: { readonly groups: readonly (readonly Disk[])[] }) =>
  groups.map((disks) => disks.map(({ identity }) => identity));

describe('gatherDisks()', () => {
  it('puts every disk into one array or leaves it, and none into two', () => {
    fc.assert(
      fc.property(anyRaid, anyDisks, fc.boolean(), (raid, disks, isSettled) => {
        const { groups, left } = gatherDisks(raid, disks, isSettled);
        const all = [...groups.flat(), ...left].map(({ identity }) => identity);
        expect(all.toSorted()).toEqual(disks.map(({ identity }) => identity).toSorted());
      }),
    );
  });

  it('makes arrays of the number that was asked for, and of one sector size', () => {
    fc.assert(
      fc.property(anyRaid, anyDisks, fc.boolean(), (raid, disks, isSettled) => {
        for (const group of gatherDisks(raid, disks, isSettled).groups) {
          expect(new Set(group.map(({ logicalBlockBytes }) => logicalBlockBytes)).size).toBe(1);
          expect(group.length).toBeGreaterThanOrEqual(raid.count ?? MEMBERS_MIN);
          expect(group.length).toBeLessThanOrEqual(raid.count ?? MEMBERS_MAX);
        }
      }),
    );
  });

  it('makes the same arrays whatever order and names the kernel gives', () => {
    const anyOrder = anyDisks.chain((disks) =>
      fc.tuple(fc.constant(disks), fc.shuffledSubarray([...disks], { minLength: disks.length })),
    );
    fc.assert(
      fc.property(anyRaid, anyOrder, (raid, [disks, shuffled]) => {
        const renamed = shuffled.map((disk, at) => ({
          ...disk,
          name: `nvme${at}n1`,
          path: `/dev/nvme${at}n1`,
        }));
        expect(inOrder(gatherDisks(raid, renamed, true))).toEqual(inOrder(gatherDisks(raid, disks, true)));
      }),
    );
  });
});

describe('memberBytesOf()', () => {
  it('fits behind the mark of every member, in whole MiB and chunks', () => {
    const anySome = anyDisks.filter(({ length }) => length > 0);
    fc.assert(
      fc.property(anyRaid, anySome, ({ chunkBytes }, disks) => {
        const memberBytes = memberBytesOf(disks, chunkBytes);
        expect([memberBytes % MIB, memberBytes % chunkBytes]).toEqual([0n, 0n]);
        for (const { sizeBytes, logicalBlockBytes } of disks) {
          const { start, end } = usableRange(sizeBytes, logicalBlockBytes);
          expect(start + MIB + memberBytes).toBeLessThanOrEqual(end);
        }
      }),
    );
  });
});

/** Where Linux puts the two copies of a chunk (raid10, near=2): side by side, row after row. */
const copiesOf = (chunk: number, count: number): readonly number[] =>
  [2 * chunk, 2 * chunk + 1].map((at) => at % count);

describe('canRunWithout()', () => {
  it('says of a raid10 whether a copy of every chunk is left', () => {
    const anyLoss = fc
      .integer({ min: MEMBERS_MIN, max: MEMBERS_MAX })
      .chain((count) =>
        fc.tuple(fc.constant(count), fc.subarray(Array.from({ length: count }, (_, at) => at))),
      );
    fc.assert(
      fc.property(anyLoss, ([count, missing]) => {
        const chunks = Array.from({ length: count }, (_, chunk) => copiesOf(chunk, count));
        const isWhole = chunks.every((copies) => copies.some((at) => !missing.includes(at)));
        expect(canRunWithout('raid10', count, missing)).toBe(isWhole);
      }),
    );
  });
});
