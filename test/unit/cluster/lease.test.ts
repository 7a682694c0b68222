import { describe, expect, it } from '@jest/globals';
import {
  decideLease,
  LEASE_MS,
  RENEW_EVERY_MS,
  RENEW_WITHIN_MS,
  sighting,
} from '../../../src/cluster/lease.ts';
import { ABSENT, present, unknown } from '../../../src/model/answer.ts';

const ME = 'pod-a';
const lease = (holderIdentity: string | undefined, resourceVersion = '7', seconds: number | undefined = 30) =>
  present({
    metadata: { resourceVersion },
    spec: {
      ...(holderIdentity === undefined ? {} : { holderIdentity }),
      ...(seconds === undefined ? {} : { leaseDurationSeconds: seconds }),
    },
  });

describe('decideLease()', () => {
  const seen = { version: '7', sinceMs: 1_000 };

  it.each([
    ['takes', 'released', lease(''), 0, 'take'],
    ['takes', 'never held', lease(undefined), 0, 'take'],
    ['renews', 'our own', lease(ME), 0, 'renew'],
    ['renews', 'our own, however old', lease(ME), 1_000_000, 'renew'],
    ['waits for', "another's, new", lease('pod-b'), 0, 'wait'],
    ['waits for', "another's, as old as it is good for", lease('pod-b'), 30_000, 'wait'],
    ['takes', "another's, older", lease('pod-b'), 30_001, 'take'],
    ['waits for', "another's that is good for longer", lease('pod-b', '7', 60), 30_001, 'wait'],
    [
      'takes',
      "another's that says nothing of its time",
      lease('pod-b', '7', undefined),
      LEASE_MS + 1,
      'take',
    ],
  ] as const)('%s a lease that is %s', (_verb, _what, found, quietMs, decision) => {
    expect(decideLease(found, ME, seen, seen.sinceMs + quietMs)).toBe(decision);
  });

  it('creates a lease that is not there, and does nothing with one that could not be read', () => {
    expect(decideLease(ABSENT, ME, undefined, 0)).toBe('create');
    expect(decideLease(unknown('HTTP 500'), ME, undefined, 0)).toBe('wait');
  });
});

describe('sighting()', () => {
  const first = sighting(lease('pod-b', '7'), undefined, 1_000);

  it('counts by our own clock from the first sight of a version', () => {
    expect(first).toEqual({ version: '7', sinceMs: 1_000 });
    expect(sighting(lease('pod-b', '7'), first, 9_000)).toBe(first);
  });

  it('begins anew with every renewal', () => {
    expect(sighting(lease('pod-b', '8'), first, 9_000)).toEqual({ version: '8', sinceMs: 9_000 });
  });

  it('is forgotten with the lease', () => {
    expect(sighting(ABSENT, first, 9_000)).toBeUndefined();
  });
});

it('a leader stops before anybody else may take over, and may miss a renewal before', () => {
  const slowestRequestsMs = 10_000;
  expect(RENEW_WITHIN_MS + slowestRequestsMs).toBeLessThanOrEqual(LEASE_MS);
  expect(2 * RENEW_EVERY_MS).toBeLessThanOrEqual(RENEW_WITHIN_MS);
});
