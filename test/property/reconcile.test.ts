import { describe, expect, it } from '@jest/globals';
import fc, { type Arbitrary } from 'fast-check';
import {
  type KernelDecision,
  type KernelFacts,
  reconcileKernel,
  reconcileVolume,
  type VolumeDecision,
  type VolumeFacts,
} from '../../src/model/reconcile.ts';

const anyVolume: Arbitrary<VolumeFacts> = fc.record({
  record: fc.constantFrom('none', 'planned', 'committed', 'deleted'),
  device: fc.constantFrom('here', 'away'),
  slice: fc.constantFrom('none', 'carved', 'prepared', 'quarantined', 'elsewhere', 'doubled'),
});
const anyPartition: Arbitrary<KernelFacts> = fc.record({
  table: fc.constantFrom('none', 'entry'),
  kernel: fc.constantFrom('none', 'same', 'smaller', 'other'),
  used: fc.constantFrom('no', 'yes'),
});

/** The facts after a decision was carried out; a decision that changes nothing is not named. */
const AFTER_VOLUME: Partial<Record<VolumeDecision, Partial<VolumeFacts>>> = {
  commit: { record: 'committed' },
  undo: { record: 'none', slice: 'none' },
  forget: { record: 'none' },
  quarantine: { record: 'deleted', slice: 'quarantined' },
};
const AFTER_KERNEL: Partial<Record<KernelDecision, Partial<KernelFacts>>> = {
  add: { kernel: 'same' },
  resize: { kernel: 'same' },
  replace: { kernel: 'same' },
  drop: { kernel: 'none' },
};
const WRITES: readonly VolumeDecision[] = ['undo', 'quarantine'];
const RESTS: readonly VolumeDecision[] = ['nothing', 'serve', 'wait', 'lost', 'refuse'];

const carriedOut = (facts: VolumeFacts): VolumeFacts => ({
  ...facts,
  ...AFTER_VOLUME[reconcileVolume(facts).decision],
});

describe('reconcileVolume()', () => {
  it('comes to rest after two rounds at most, and then decides the same for ever', () => {
    fc.assert(
      fc.property(anyVolume, (facts) => {
        const rested = carriedOut(carriedOut(facts));
        expect(RESTS).toContain(reconcileVolume(rested).decision);
        expect(carriedOut(rested)).toEqual(rested);
      }),
    );
  });

  it('never writes to a prepared slice of a committed record', () => {
    fc.assert(
      fc.property(anyVolume, (facts) => {
        expect(WRITES).not.toContain(
          reconcileVolume({ ...facts, record: 'committed', slice: 'prepared' }).decision,
        );
      }),
    );
  });

  it.each([
    ['a device that is away', { device: 'away' }],
    ['a slice on another device than the record says', { slice: 'elsewhere' }],
    ['a handle that two slices bear', { slice: 'doubled' }],
    ['a slice that no record tells of', { record: 'none' }],
  ] as const)('never writes to %s', (_what, given) => {
    fc.assert(
      fc.property(anyVolume, (facts) => {
        expect(WRITES).not.toContain(reconcileVolume({ ...facts, ...given }).decision);
      }),
    );
  });

  it('never forgets a committed record whose slice is not quarantined: only DeleteVolume may', () => {
    fc.assert(
      fc.property(anyVolume, (facts) => {
        const { decision } = reconcileVolume({ ...facts, record: 'committed' });
        expect(decision === 'forget').toBe(facts.slice === 'quarantined' && facts.device === 'here');
      }),
    );
  });

  it('serves only what a slice stands for', () => {
    fc.assert(
      fc.property(anyVolume, (facts) => {
        if (reconcileVolume(facts).decision === 'serve')
          expect(['carved', 'prepared', 'elsewhere']).toContain(facts.slice);
      }),
    );
  });
});

describe('reconcileKernel()', () => {
  it('is at rest after one round', () => {
    fc.assert(
      fc.property(anyPartition, (facts) => {
        const after = { ...facts, ...AFTER_KERNEL[reconcileKernel(facts).decision] };
        expect(['nothing', 'refuse']).toContain(reconcileKernel(after).decision);
      }),
    );
  });

  it('never takes a partition away that is used', () => {
    fc.assert(
      fc.property(anyPartition, (facts) => {
        expect(['drop', 'replace']).not.toContain(reconcileKernel({ ...facts, used: 'yes' }).decision);
      }),
    );
  });
});
