import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { callersRanges, sampledRanges, segments } from '../../src/host/sampling.ts';

const MIB = 1024n ** 2n;
const sizeBytes = fc
  .oneof(fc.bigInt(0n, 200n * MIB), fc.bigInt(0n, 2n ** 47n))
  .map((size) => size - (size % 512n));

const covers = (ranges: readonly { readonly start: bigint; readonly end: bigint }[], at: bigint) =>
  ranges.some(({ start, end }) => start <= at && at < end);

describe('sampledRanges()', () => {
  it('ascend, do not touch and stay on the disk', () => {
    fc.assert(
      fc.property(sizeBytes, (size) => {
        const ranges = sampledRanges(size);
        const gaps = ranges.slice(1).map(({ start }, index) => start - (ranges[index]?.end ?? start));
        expect(gaps.every((gap) => gap > 0n)).toBe(true);
        expect(ranges.every(({ start, end }) => start >= 0n && start < end && end <= size)).toBe(true);
      }),
    );
  });

  it('cover the first 64 MiB, the last 4 MiB and something of every 255th of the disk', () => {
    fc.assert(
      fc.property(sizeBytes, fc.nat(254), fc.bigInt(0n, 64n * MIB - 1n), (size, part, at) => {
        const ranges = sampledRanges(size);
        if (at < size) expect(covers(ranges, at)).toBe(true);
        if (at < 4n * MIB && at < size) expect(covers(ranges, size - 1n - at)).toBe(true);
        const [from, to] = [(size * BigInt(part)) / 255n, (size * BigInt(part + 1)) / 255n];
        if (from < to) expect(ranges.some(({ start, end }) => start < to && end > from)).toBe(true);
      }),
    );
  });
});

describe('segments()', () => {
  it("are the sampled ranges, the caller's parts of them marked", () => {
    fc.assert(
      fc.property(sizeBytes, (size) => {
        const all = segments(size);
        const length = (ranges: readonly { readonly start: bigint; readonly end: bigint }[]) =>
          ranges.reduce((sum, { start, end }) => sum + end - start, 0n);
        expect(length(all)).toBe(length(sampledRanges(size)));
        const [sampled, own] = [sampledRanges(size), callersRanges(size)];
        const isRight = (at: bigint, judge: string) =>
          covers(sampled, at) && covers(own, at) === (judge === 'caller');
        expect(
          all.every(
            ({ start, end, judge }) => start < end && isRight(start, judge) && isRight(end - 1n, judge),
          ),
        ).toBe(true);
      }),
    );
  });
});
