import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { countOf, pickRuns, type Run } from '../../src/model/group.ts';
import { carvedTags, preparedAs, quarantinedAs, type Retag, sliceOf } from '../../src/model/volume-tags.ts';
import { anyUuid } from './arbitraries.ts';

/** Runs with at least one extent between them, as LVM shows what is free. */
const anyRuns = fc
  .array(fc.record({ gap: fc.bigInt(1n, 50n), count: fc.bigInt(1n, 50n) }), { maxLength: 12 })
  .map((lengths) => {
    let at = 0n;
    return lengths.map(({ gap, count }): Run => {
      const start = at + gap;
      at = start + count;
      return { start, count };
    });
  });

const extentsOf = (runs: readonly Run[]): readonly bigint[] =>
  runs.flatMap(({ start, count }) => Array.from({ length: Number(count) }, (_, at) => start + BigInt(at)));

describe('pickRuns()', () => {
  it('picks exactly so many extents, each once, and only free ones', () => {
    fc.assert(
      fc.property(anyRuns, fc.bigInt(1n, 200n), (free, count) => {
        const picked = pickRuns(free, count);
        if (picked === undefined) return expect(countOf(free)).toBeLessThan(count);
        const [taken, available] = [extentsOf(picked), new Set(extentsOf(free))];
        expect(taken.length).toBe(Number(count));
        expect(new Set(taken).size).toBe(taken.length);
        expect(taken.every((extent) => available.has(extent))).toBe(true);
        expect(picked.every((run) => run.count > 0n)).toBe(true);
      }),
    );
  });
});

describe('tags', () => {
  const retag = (tags: readonly string[], { drop, add }: Retag) => [
    ...tags.filter((tag) => !drop.includes(tag)),
    ...add,
  ];
  const volumeWith = (tags: readonly string[], order: number) => ({
    name: 'slice_1',
    uuid: 'x',
    sizeBytes: 1n,
    tags: order % 2 === 0 ? tags : tags.toReversed(),
  });

  it('tell a slice through its whole life, in whatever order LVM shows them', () => {
    const life = fc.record({
      handle: anyUuid,
      random: anyUuid,
      pool: fc.stringMatching(/^[a-z0-9]{1,8}$/),
      type: fc.constantFrom('mount', 'block'),
      order: fc.nat(1),
      strange: fc.constantFrom([], ['backup'], ['isc', 'x=isc.handle=1']),
    });
    fc.assert(
      fc.property(life, ({ handle, random, pool, type, order, strange }) => {
        const carved = volumeWith([...strange, ...carvedTags(handle, pool)], order);
        expect(sliceOf(carved)).toMatchObject({ state: 'carved', id: handle, pool, block: false });
        const prepared = volumeWith(retag(carved.tags, preparedAs(type)), order);
        const block = type === 'block';
        expect(sliceOf(prepared)).toMatchObject({ state: 'prepared', id: handle, pool, block });
        for (const last of [carved, prepared]) {
          const gone = volumeWith(retag(last.tags, quarantinedAs(last, random)), order);
          expect(sliceOf(gone)).toMatchObject({ state: 'quarantine', id: random, pool, block: false });
        }
      }),
    );
  });
});
