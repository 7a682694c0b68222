import { describe, expect, it } from '@jest/globals';
import { MAPPING_ROWS, type MappingFacts, reconcileMapping } from '../../../src/model/reconcile-mapping.ts';

const EVERY: readonly MappingFacts[] = (['none', 'volume'] as const).flatMap((metadata) =>
  (['same', 'behind', 'other'] as const).map((kernel) => ({ metadata, kernel })),
);

describe('reconcileMapping()', () => {
  it.each(EVERY)('finds exactly one row for %o', (facts) => {
    expect(MAPPING_ROWS.map(({ label }) => label)).toContain(reconcileMapping(facts).label);
  });

  it('uses every row', () => {
    const used = new Set(EVERY.map((facts) => reconcileMapping(facts).label));
    expect([...used].toSorted()).toEqual(MAPPING_ROWS.map(({ label }) => label).toSorted());
  });

  it.each<[string, MappingFacts, string]>([
    ['loads anew what a kill left suspended', { metadata: 'volume', kernel: 'behind' }, 'refresh'],
    ['leaves alone what the metadata do not tell of', { metadata: 'none', kernel: 'other' }, 'refuse'],
    ['leaves alone what is on another disk', { metadata: 'volume', kernel: 'other' }, 'refuse'],
    ['has nothing to do where both agree', { metadata: 'volume', kernel: 'same' }, 'nothing'],
  ])('%s', (_, facts, decision) => {
    expect(reconcileMapping(facts).decision).toBe(decision);
  });
});
