import { describe, expect, it } from '@jest/globals';
import { ARRAY_ROWS, type ArrayFacts, reconcileArray } from '../../../src/model/reconcile-array.ts';

const MADE = ['no', 'yes'] as const satisfies readonly ArrayFacts['made'][];
const DEVICES = [
  'none',
  'dead',
  'stuck',
  'strange',
  'blank',
  'ours',
  'refused',
] as const satisfies readonly ArrayFacts['device'][];
const MEMBERS = ['all', 'enough', 'late', 'few', 'apart'] as const satisfies readonly ArrayFacts['members'][];
const JOINING = ['no', 'yes'] as const satisfies readonly ArrayFacts['joining'][];

/** Fails to compile when a fact gets a value that is not enumerated here. */
type Left<All, Listed> = [Exclude<All, Listed>] extends [never] ? true : false;
const COMPLETE: readonly true[] = [
  true satisfies Left<ArrayFacts['made'], (typeof MADE)[number]>,
  true satisfies Left<ArrayFacts['device'], (typeof DEVICES)[number]>,
  true satisfies Left<ArrayFacts['members'], (typeof MEMBERS)[number]>,
  true satisfies Left<ArrayFacts['joining'], (typeof JOINING)[number]>,
];

const ALL: readonly ArrayFacts[] = MADE.flatMap((made) =>
  DEVICES.flatMap((device) =>
    MEMBERS.flatMap((members) => JOINING.map((joining) => ({ made, device, members, joining }))),
  ),
);

const fits = (
  when: Readonly<Record<string, readonly string[]>>,
  facts: Readonly<Record<string, string>>,
): boolean => Object.entries(when).every(([fact, values]) => values.includes(facts[fact] ?? ''));

describe('reconcileArray()', () => {
  it('knows every value of every fact', () => {
    expect(COMPLETE.length + ALL.length).toBe(4 + 140);
  });

  it.each(ALL)(
    'has exactly one row for made $made, device $device, members $members, joining $joining',
    (facts) => {
      const rows = ARRAY_ROWS.filter(({ when }) => fits(when, facts));
      expect(rows.map(({ label }) => label)).toEqual([reconcileArray(facts).label]);
    },
  );

  it.each(ARRAY_ROWS)('reaches $label', ({ label }) => {
    expect(ALL.filter((facts) => reconcileArray(facts).label === label)).not.toEqual([]);
  });

  it('labels every row once', () => {
    expect(new Set(ARRAY_ROWS.map(({ label }) => label)).size).toBe(ARRAY_ROWS.length);
  });

  it('never makes an array that was made, nor one of which a member is missing', () => {
    for (const facts of ALL.filter((one) => reconcileArray(one).decision === 'make'))
      expect(facts).toEqual({ made: 'no', device: 'none', members: 'all', joining: 'no' });
  });

  it('stops nothing that is in use or that can be read', () => {
    for (const facts of ALL.filter((one) => reconcileArray(one).decision === 'stop'))
      expect(facts.device).toBe('dead');
  });

  it('serves nothing that was not made and does not bear its mark', () => {
    for (const facts of ALL.filter((one) => reconcileArray(one).decision === 'serve'))
      expect(facts).toMatchObject({ made: 'yes', device: 'ours' });
  });

  it('calls nothing lost that nothing ever stood on', () => {
    for (const facts of ALL.filter((one) => reconcileArray(one).decision === 'lost'))
      expect(facts).toMatchObject({ made: 'yes', members: 'few' });
  });
});
