import { describe, expect, it } from '@jest/globals';
import fc, { type Arbitrary } from 'fast-check';
import { allocate, type Cut, freeBytes, gaps, growableTo, sizeFor } from '../../src/model/allocate.ts';
import { alignDown, alignUp, MIB } from '../../src/model/bytes.ts';
import { type Gpt, TYPE_OWNER } from '../../src/model/gpt.ts';
import { firstTable, freeNumbers } from '../../src/model/mark.ts';
import { quarantined, withAddedEntry, withEntry, withoutEntry } from '../../src/model/slice.ts';
import type { SizeRange } from '../../src/model/volume.ts';
import { HANDLE, NOTE } from '../unit/model/fixtures.ts';

type Change =
  | { readonly change: 'create'; readonly size: SizeRange; readonly minimumBytes: bigint }
  | { readonly change: 'free' | 'quarantine'; readonly which: number }
  | { readonly change: 'grow'; readonly which: number; readonly share: number };

const anySize: Arbitrary<SizeRange> = fc.record({
  requiredBytes: fc.option(fc.bigInt(0n, 400n * MIB), { nil: undefined }),
  limitBytes: fc.option(fc.bigInt(0n, 600n * MIB), { nil: undefined }),
});

const anyChange: Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      change: fc.constant('create' as const),
      size: anySize,
      minimumBytes: fc.constantFrom(0n, MIB, 16n * MIB, 300n * MIB),
    }),
  },
  fc.record({ change: fc.constantFrom('free' as const, 'quarantine' as const), which: fc.nat(300) }),
  fc.record({
    change: fc.constant('grow' as const),
    which: fc.nat(300),
    share: fc.integer({ min: 0, max: 100 }),
  }),
);

const anyDisk = fc.record({
  sizeBytes: fc.bigInt(64n * 2048n, 4096n * 2048n).map((sectors) => sectors * 512n),
  sectorBytes: fc.constantFrom(512, 4096),
});

const emptyOf = ({
  sizeBytes,
  sectorBytes,
}: {
  readonly sizeBytes: bigint;
  readonly sectorBytes: number;
}): Gpt => firstTable({ ...NOTE, diskBytes: alignDown(sizeBytes, BigInt(sectorBytes)), sectorBytes });

function changed(table: Gpt, cut: Cut, change: Change): Gpt {
  if (change.change === 'create') {
    const entry = allocate(table, cut, {
      handle: HANDLE,
      pool: 'fast',
      size: change.size,
      minimumBytes: change.minimumBytes,
    });
    return entry === undefined ? table : withAddedEntry(table, entry);
  }
  const slices = table.entries.filter(({ type }) => type !== TYPE_OWNER);
  const entry = slices[change.which % (slices.length || 1)];
  if (entry === undefined) return table;
  if (change.change !== 'grow') {
    return change.change === 'free'
      ? withoutEntry(table, entry.number)
      : quarantined(table, entry.number, HANDLE);
  }
  const room = growableTo(table, entry) - entry.sizeBytes;
  const more = alignDown((room * BigInt(change.share)) / 100n, 4096n);
  return withEntry(table, entry.number, (old) => ({ ...old, sizeBytes: old.sizeBytes + more }));
}

/** A table after a random life. */
const anyTable = (cut: Cut): Arbitrary<Gpt> =>
  fc
    .record({ disk: anyDisk, changes: fc.array(anyChange, { maxLength: 60 }) })
    .map(({ disk, changes }) =>
      changes.reduce((table, change) => changed(table, cut, change), emptyOf(disk)),
    );

/** A disk's, and those of arrays whose stripes are 1.5 MiB and 4 MiB. */
const CUTS: readonly Cut[] = (['partition', 'whole'] as const).flatMap((carving) =>
  [MIB, 3n * MIB, 4n * MIB].map((alignBytes) => ({ carving, alignBytes })),
);
const inOrder = (table: Gpt) => table.entries.toSorted((a, b) => (a.startBytes < b.startBytes ? -1 : 1));

describe.each(CUTS)(
  'allocate() of a $carving aligned to $alignBytes bytes, after creating, growing, quarantining and freeing at random',
  (cut) => {
    const { alignBytes } = cut;

    it('never overlaps, and stays inside the usable range', () => {
      fc.assert(
        fc.property(anyTable(cut), (table) => {
          let end = table.firstUsableBytes;
          for (const entry of inOrder(table)) {
            expect(entry.sizeBytes).toBeGreaterThan(0n);
            expect(entry.startBytes).toBeGreaterThanOrEqual(end);
            end = entry.startBytes + entry.sizeBytes;
          }
          expect(end).toBeLessThanOrEqual(table.usableEndBytes);
        }),
      );
    });

    it('starts where the device wants it, ends on whole sectors and uses each number once', () => {
      fc.assert(
        fc.property(anyTable(cut), (table) => {
          const numbers = table.entries.map(({ number }) => number);
          expect(new Set(numbers).size).toBe(numbers.length);
          for (const { startBytes, sizeBytes, number, type } of table.entries) {
            expect([
              startBytes % (type === TYPE_OWNER ? MIB : alignBytes),
              sizeBytes % BigInt(table.sectorBytes),
            ]).toEqual([0n, 0n]);
            expect(number).toBeLessThanOrEqual(255);
          }
        }),
      );
    });

    it('loses at most what aligns the next one: slices and gaps together are nearly all that is usable', () => {
      fc.assert(
        fc.property(anyTable(cut), (table) => {
          const used = table.entries.reduce((sum, { sizeBytes }) => sum + alignUp(sizeBytes, MIB), 0n);
          const free = gaps(table, alignBytes).reduce(
            (sum, { startBytes, endBytes }) => sum + endBytes - startBytes,
            0n,
          );
          const lost = alignDown(table.usableEndBytes, MIB) - table.firstUsableBytes - used - free;
          expect(lost).toBeGreaterThanOrEqual(0n);
          expect(lost).toBeLessThanOrEqual(BigInt(table.entries.length) * (alignBytes - MIB));
        }),
      );
    });

    it('gives what freeBytes() promises, and not a MiB more', () => {
      fc.assert(
        fc.property(anyTable(cut), (table) => {
          const { largestBytes, totalBytes } = freeBytes(table, cut);
          const wish = (requiredBytes: bigint) => ({
            handle: HANDLE,
            pool: 'fast',
            size: { requiredBytes, limitBytes: undefined },
            minimumBytes: 0n,
          });
          expect(totalBytes).toBeGreaterThanOrEqual(largestBytes);
          expect(allocate(table, cut, wish(largestBytes + MIB))).toBeUndefined();
          if (largestBytes > 0n)
            expect(allocate(table, cut, wish(largestBytes))?.sizeBytes).toBe(largestBytes);
        }),
      );
    });

    it('gives at least what was asked for and at most the limit, in a range that was free', () => {
      fc.assert(
        fc.property(anyTable(cut), anySize, fc.constantFrom(0n, 16n * MIB), (table, size, minimumBytes) => {
          const entry = allocate(table, cut, { handle: HANDLE, pool: 'fast', size, minimumBytes });
          if (entry === undefined) return;
          expect(entry.sizeBytes).toBeGreaterThanOrEqual(size.requiredBytes ?? 0n);
          expect(entry.sizeBytes).toBeGreaterThanOrEqual(minimumBytes);
          expect(entry.sizeBytes).toBeLessThanOrEqual(size.limitBytes ?? entry.sizeBytes);
          expect(freeNumbers(table)).toContain(entry.number);
          const end = entry.startBytes + entry.sizeBytes;
          expect(
            gaps(table, alignBytes).some((gap) => gap.startBytes <= entry.startBytes && end <= gap.endBytes),
          ).toBe(true);
        }),
      );
    });
  },
);

describe('sizeFor()', () => {
  it('finds a size whenever a whole step of the carving lies between what is needed and the limit', () => {
    const carving = fc.constantFrom('partition', 'lvm');
    fc.assert(
      fc.property(anySize, fc.constantFrom(0n, 16n * MIB), carving, (size, minimumBytes, carving) => {
        const step = carving === 'lvm' ? MIB : 4096n;
        const needed = [size.requiredBytes ?? 0n, minimumBytes, step].reduce((a, b) => (a > b ? a : b));
        const possible = size.limitBytes === undefined || alignUp(needed, step) <= size.limitBytes;
        const found = sizeFor(size, minimumBytes, carving);
        expect(found !== undefined).toBe(possible);
        expect((found ?? 0n) % step).toBe(0n);
      }),
    );
  });
});
