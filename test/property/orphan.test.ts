import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ABSENT, type Answer, present, unknown } from '../../src/model/answer.ts';
import { type Inquiry, inquired, ORPHAN_GRACE_MS } from '../../src/model/orphan.ts';

const ANSWERS: readonly Answer<string>[] = [present('pv'), ABSENT, unknown('HTTP 500')];

/** Answers, each some time after the one before. */
const history = fc.array(
  fc.record({
    answer: fc.constantFrom(...ANSWERS),
    afterMs: fc.integer({ min: 0, max: 2 * ORPHAN_GRACE_MS }),
  }),
  { minLength: 1, maxLength: 30 },
);

describe('inquired()', () => {
  it('calls a volume an orphan only by two absences the grace apart, and nothing but silence in between', () => {
    fc.assert(
      fc.property(history, (answers) => {
        let inquiry: Inquiry | undefined;
        let nowMs = 0;
        let absentSinceMs: number | undefined;
        for (const { answer, afterMs } of answers) {
          nowMs += afterMs;
          const before = inquiry;
          inquiry = inquired(before, answer, nowMs);
          if (answer.is === 'present') absentSinceMs = undefined;
          if (answer.is === 'absent') absentSinceMs ??= nowMs;
          const isLong = absentSinceMs !== undefined && nowMs - absentSinceMs >= ORPHAN_GRACE_MS;
          if (answer.is === 'absent') expect(inquiry.is).toBe(isLong ? 'orphan' : 'missing');
          if (answer.is === 'present') expect(inquiry.is).toBe('kept');
          if (answer.is === 'unknown') expect(inquiry.is).toBe(before?.is ?? 'open');
          expect(inquiry.askAtMs).toBeGreaterThan(nowMs);
        }
      }),
    );
  });
});
