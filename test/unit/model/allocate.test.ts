import { describe, expect, it } from '@jest/globals';
import {
  allocate,
  type Cut,
  freeBytes,
  gaps,
  growableTo,
  sizeFor,
  type Wish,
} from '../../../src/model/allocate.ts';
import { GIB, MIB } from '../../../src/model/bytes.ts';
import { type Gpt, TYPE_QUARANTINE, TYPE_VOLUME } from '../../../src/model/gpt.ts';
import { firstTable } from '../../../src/model/mark.ts';
import { withAddedEntry } from '../../../src/model/slice.ts';
import type { SizeRange } from '../../../src/model/volume.ts';
import { HANDLE, NOTE } from './fixtures.ts';

const EMPTY = firstTable(NOTE);
/** 10 GiB without the first two MiB and the one that the backup copy lies in. */
const USABLE = 10n * GIB - 3n * MIB;
const PARTITION: Cut = { carving: 'partition', alignBytes: MIB };
const WHOLE: Cut = { carving: 'whole', alignBytes: MIB };

const asked = (requiredBytes?: bigint, limitBytes?: bigint): SizeRange => ({ requiredBytes, limitBytes });
const wish = (size: SizeRange, minimumBytes = 0n): Wish => ({
  handle: HANDLE,
  pool: 'fast',
  size,
  minimumBytes,
});

/** The empty table with slices of [first MiB, MiB, type]. */
function tableOf(...slices: readonly (readonly [bigint, bigint, typeof TYPE_VOLUME?])[]): Gpt {
  return slices.reduce<Gpt>(
    (table, [at, size, type = TYPE_VOLUME], index) =>
      withAddedEntry(table, {
        number: index + 2,
        type,
        uuid: HANDLE,
        startBytes: at * MIB,
        sizeBytes: size * MIB,
        attributes: 0n,
        name: `fast:${index + 1}`,
      }),
    EMPTY,
  );
}

/** Every entry in use, a MiB each, and room for more behind them. */
const FULL = tableOf(...Array.from({ length: 254 }, (_, at) => [BigInt(at) + 2n, 1n] as const));

describe('sizeFor()', () => {
  it.each([
    ['what was asked for', asked(GIB), 0n, GIB],
    ['whole MiB above what was asked for', asked(GIB + 1n), 0n, GIB + MIB],
    ['to the sector when the limit forbids the whole MiB', asked(GIB + 1n, GIB + 4096n), 0n, GIB + 4096n],
    [
      'exactly what was asked for when the limit is the same',
      asked(GIB + 4096n, GIB + 4096n),
      0n,
      GIB + 4096n,
    ],
    ['nothing when no whole sector lies within the limit', asked(GIB + 1n, GIB + 2n), 0n, undefined],
    ['the minimum of a filesystem above what was asked for', asked(MIB), 300n * MIB, 300n * MIB],
    ['nothing when the minimum is above the limit', asked(MIB, 299n * MIB), 300n * MIB, undefined],
    ['nothing when the limit is below what was asked for', asked(GIB, MIB), 0n, undefined],
    ['1 GiB when nothing was asked for', asked(), 0n, GIB],
    ['the minimum when nothing was asked for and it is above 1 GiB', asked(), 2n * GIB, 2n * GIB],
    ['the limit when only that was given', asked(undefined, 500n * MIB), 0n, 500n * MIB],
    ['whole sectors below a limit that is none', asked(undefined, 1_000_000_000n), 0n, 999_997_440n],
    ['1 GiB when the limit is above', asked(undefined, 5n * GIB), 0n, GIB],
    ['one MiB when zero bytes were asked for', asked(0n), 0n, MIB],
    ['nothing when the limit is less than a sector', asked(undefined, 4095n), 0n, undefined],
  ])('is %s', (_what, size, minimumBytes, sizeBytes) => {
    expect(sizeFor(size, minimumBytes, 'partition')).toBe(sizeBytes);
  });

  it.each([
    ['whole MiB', asked(GIB + 1n, GIB + MIB), GIB + MIB],
    ['whole MiB below a limit that is none', asked(undefined, 999n * 1_000_000n), 952n * MIB],
    ['nothing when no whole MiB lies within the limit', asked(GIB + 4096n, GIB + 4096n), undefined],
    ['one MiB when zero bytes were asked for', asked(0n), MIB],
  ])('of a logical volume is %s', (_what, size, sizeBytes) => {
    expect(sizeFor(size, 0n, 'lvm')).toBe(sizeBytes);
  });
});

describe('allocate() of a partition', () => {
  it('makes the entry: the first free number, the handle, pool and next generation', () => {
    expect(allocate(tableOf([2n, 100n]), PARTITION, wish(asked(GIB)))).toMatchObject({
      number: 3,
      type: TYPE_VOLUME,
      uuid: HANDLE,
      sizeBytes: GIB,
      attributes: 0n,
      name: 'fast:2',
    });
  });

  it.each<[string, Gpt, bigint, bigint | undefined]>([
    ['behind the owner partition on a fresh disk', EMPTY, GIB, 2n * MIB],
    ['all of a fresh disk', EMPTY, USABLE, 2n * MIB],
    ['nowhere when a MiB is missing', EMPTY, USABLE + MIB, undefined],
    ['with room for the slice in front to double', tableOf([2n, 1024n]), GIB, (2n + 2048n) * MIB],
    [
      'right behind the slice in front when its room would cost most of the gap',
      tableOf([2n, 4096n]),
      2n * GIB,
      4098n * MIB,
    ],
    [
      'right behind a quarantined slice, which never grows',
      tableOf([2n, 1024n, TYPE_QUARANTINE]),
      GIB,
      1026n * MIB,
    ],
    ['in the only gap that holds it', tableOf([2n, 1n], [5000n, 5000n]), 4996n * MIB, 3n * MIB],
    [
      'in the tightest gap when no room can be left',
      tableOf([2n, 3000n], [6500n, 3000n]),
      500n * MIB,
      9500n * MIB,
    ],
    [
      'nowhere when the gaps are together, but not singly, large enough',
      tableOf([5000n, 1n]),
      6000n * MIB,
      undefined,
    ],
    ['nowhere when every entry is in use', FULL, MIB, undefined],
  ])('puts a slice %s', (_what, table, requiredBytes, startBytes) => {
    expect(allocate(table, PARTITION, wish(asked(requiredBytes)))?.startBytes).toBe(startBytes);
  });

  it('starts on whole MiB behind a slice that does not end on one', () => {
    const first = allocate(EMPTY, PARTITION, wish(asked(GIB + 1n, GIB + 4096n)));
    if (first === undefined) throw new Error('no room on a fresh disk');
    const second = allocate(withAddedEntry(EMPTY, first), PARTITION, wish(asked(GIB)));
    expect(first.sizeBytes).toBe(GIB + 4096n);
    expect((second?.startBytes ?? 1n) % MIB).toBe(0n);
  });

  it('uses all of a disk with sectors of 4 KiB as well', () => {
    const table = firstTable({ ...NOTE, sectorBytes: 4096 });
    const { largestBytes } = freeBytes(table, PARTITION);
    expect(largestBytes).toBe(USABLE);
    expect(allocate(table, PARTITION, wish(asked(largestBytes)))).toMatchObject({
      startBytes: 2n * MIB,
      sizeBytes: USABLE,
    });
  });
});

describe('allocate() of a whole device', () => {
  it.each<[string, SizeRange, bigint, bigint | undefined]>([
    ['all of it when nothing was asked for', asked(), 0n, USABLE],
    ['all of it when less was asked for', asked(GIB), 0n, USABLE],
    ['all of it when the limit is just that', asked(GIB, USABLE), 0n, USABLE],
    ['nothing when it is above the limit', asked(GIB, USABLE - 1n), 0n, undefined],
    ['nothing when more was asked for', asked(USABLE + 1n), 0n, undefined],
    ['nothing when the filesystem needs more', asked(), USABLE + 1n, undefined],
  ])('gives %s', (_what, size, minimumBytes, sizeBytes) => {
    expect(allocate(EMPTY, WHOLE, wish(size, minimumBytes))?.sizeBytes).toBe(sizeBytes);
  });

  it.each([TYPE_VOLUME, TYPE_QUARANTINE])('gives nothing while a slice of type %s is there', (type) => {
    const table = tableOf([2n, 1n, type]);
    expect(allocate(table, WHOLE, wish(asked()))).toBeUndefined();
    expect(freeBytes(table, WHOLE)).toEqual({ totalBytes: 0n, largestBytes: 0n });
  });
});

describe('freeBytes()', () => {
  it.each<[string, Gpt, bigint, bigint]>([
    ['the whole of a fresh disk', EMPTY, USABLE, USABLE],
    [
      'what is left in each gap',
      tableOf([100n, 1000n], [2000n, 8000n]),
      98n * MIB + 900n * MIB + 239n * MIB,
      900n * MIB,
    ],
    [
      'less a quarantined slice',
      tableOf([2n, 1000n, TYPE_QUARANTINE]),
      USABLE - 1000n * MIB,
      USABLE - 1000n * MIB,
    ],
    ['nothing when every entry is in use', FULL, 0n, 0n],
    ['nothing when every MiB is', tableOf([2n, USABLE / MIB]), 0n, 0n],
  ])('counts %s', (_what, table, totalBytes, largestBytes) => {
    expect(freeBytes(table, PARTITION)).toEqual({ totalBytes, largestBytes });
  });
});

describe('gaps()', () => {
  it('says what may grow into each', () => {
    expect(
      gaps(tableOf([10n, 5n], [20n, 7n, TYPE_QUARANTINE]), MIB).map((gap) => gap.behindBytes / MIB),
    ).toEqual([0n, 5n, 0n]);
  });
});

describe('growableTo()', () => {
  it.each<[string, Gpt, bigint]>([
    ['the end of the disk', tableOf([2n, 100n]), USABLE],
    ['the slice behind it', tableOf([2n, 100n], [500n, 1n]), 498n * MIB],
    ['a quarantined slice behind it', tableOf([2n, 100n], [102n, 1n, TYPE_QUARANTINE]), 100n * MIB],
    ['the nearest of those behind it', tableOf([2n, 100n], [900n, 1n], [300n, 1n]), 298n * MIB],
    ['its own size when it is the last and there is no MiB left', tableOf([2n, USABLE / MIB]), USABLE],
  ])('is up to %s', (_what, table, sizeBytes) => {
    const entry = table.entries[1];
    expect(entry && growableTo(table, entry)).toBe(sizeBytes);
  });
});
