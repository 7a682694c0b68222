import { describe, expect, it } from '@jest/globals';
import {
  type Counts,
  describeOutcome,
  lastLine,
  outcomeOf,
  parseCounts,
  reasonNotToRun,
  type Situation,
  SUITES,
  type Suite,
  total,
} from '../../suites.ts';

const counts = (passed: number, failed: number, skipped: number): Counts => ({ passed, failed, skipped });
const situation: Situation = {
  fast: false,
  leftMs: Number.POSITIVE_INFINITY,
  isRoot: true,
  hasLoopDevices: true,
  hasImageBuilder: true,
  hasEmulator: true,
  isWritten: () => true,
};
const named = (name: string): Suite => {
  const suite = SUITES.find((each) => each.name === name);
  if (suite === undefined) throw new Error(`no suite ${name}`);
  return suite;
};

describe('outcomeOf()', () => {
  it('passes a suite that ended with 0 and ran tests', () => {
    expect(outcomeOf({ by: 'exit', code: 0 }, counts(3, 0, 1))).toEqual({
      is: 'passed',
      counts: counts(3, 0, 1),
    });
  });

  it.each([
    ['no test ran', { by: 'exit', code: 0 }, counts(0, 0, 0)],
    ['no test ran', { by: 'exit', code: 0 }, counts(0, 0, 7)],
    ['exit code 0, and it left no counts', { by: 'exit', code: 0 }, undefined],
    ['exit code 1', { by: 'exit', code: 1 }, counts(3, 0, 0)],
    ['2 failed', { by: 'exit', code: 0 }, counts(3, 2, 0)],
    ['ended by SIGKILL', { by: 'signal', signal: 'SIGKILL' }, counts(3, 0, 0)],
    ['still running after 60 s', { by: 'timeout', timeoutMs: 60_000 }, counts(3, 0, 0)],
  ] as const)('fails with "%s" for %j and %j', (why, end, left) => {
    const outcome = outcomeOf(end, left);
    expect(outcome).toMatchObject({ is: 'failed', why });
    expect(total([outcome]).failed).toBeGreaterThanOrEqual(1);
  });
});

describe('reasonNotToRun()', () => {
  it.each([
    ['unit', {}, undefined],
    ['unit', { isRoot: false, hasLoopDevices: false, fast: true }, undefined],
    ['host', { fast: true }, undefined],
    ['host', { isRoot: false }, 'needs root'],
    ['host', { hasLoopDevices: false }, 'no loop devices here'],
    ['image', { hasImageBuilder: false }, 'no buildah and mmdebstrap here'],
    ['vm', { hasEmulator: false }, 'no QEMU and mmdebstrap here'],
    ['shipped', { fast: true }, 'left out by --fast'],
    ['kill', { fast: true }, 'left out by --fast'],
    ['sanity', { fast: true }, 'left out by --fast'],
    ['e2e', { fast: true }, 'left out by --fast'],
    ['e2e', { leftMs: 24.9 * 60_000 }, 'it takes 25 minutes, and fewer are left'],
    ['e2e', { leftMs: 25 * 60_000 }, undefined],
    ['kill', { isWritten: () => false }, 'not written yet'],
  ])('of %s in %j is %j', (name, change, why) => {
    expect(reasonNotToRun(named(name), { ...situation, ...change })).toBe(why);
  });
});

describe('parseCounts()', () => {
  it('reads jest: a file that could not be loaded is a failure', () => {
    const text = JSON.stringify({
      numPassedTests: 5,
      numFailedTests: 1,
      numRuntimeErrorTestSuites: 2,
      numPendingTests: 3,
      numTodoTests: 1,
    });
    expect(parseCounts('jest', text)).toEqual(counts(5, 3, 4));
  });

  it('reads what a script writes', () => {
    expect(parseCounts('script', '{"passed":1,"failed":2,"skipped":3}')).toEqual(counts(1, 2, 3));
  });

  it.each(['', 'null', '[]', '{"passed":1}', '{"passed":"many","failed":0,"skipped":0}'])(
    'takes %j for no counts at all',
    (text) => {
      expect(parseCounts('script', text)).toBeUndefined();
    },
  );
});

describe('the lines of a run', () => {
  it('end with the sum, in which a suite that did not run is one skipped', () => {
    const outcomes = [
      outcomeOf({ by: 'exit', code: 0 }, counts(3, 0, 1)),
      { is: 'not run', why: 'needs root' } as const,
    ];
    expect(lastLine(total(outcomes))).toBe('3 passed, 0 failed, 2 skipped');
    expect(outcomes.map((outcome) => describeOutcome('host', outcome))).toEqual([
      'host: passed (3 passed, 0 failed, 1 skipped)',
      'host: NOT RUN (needs root)',
    ]);
  });
});
