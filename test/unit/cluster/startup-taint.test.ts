import { describe, expect, it } from '@jest/globals';
import type { V1CSINode, V1Taint } from '@kubernetes/client-node';
import {
  isDelayed,
  type LiftFacts,
  PATIENCE_MS,
  patchOf,
  type Registration,
  reasonToLift,
  registrations,
  STARTUP_TAINT,
  STEADY_MS,
  steady,
} from '../../../src/cluster/startup-taint.ts';

const DRIVER = 'instance-store.csi.dev';
const csiNode = (
  name: string,
  resourceVersion: string,
  drivers: readonly string[],
  uid = 'u',
): V1CSINode => ({
  metadata: { name, uid, resourceVersion },
  spec: { drivers: drivers.map((driver) => ({ name: driver, nodeID: name })) },
});

describe('registrations()', () => {
  const look = (before: ReadonlyMap<string, Registration>, seen: readonly V1CSINode[], nowMs: number) =>
    registrations(before, seen, DRIVER, nowMs);
  const first = look(new Map(), [csiNode('a', '1', ['other', DRIVER])], 1_000);

  it('knows only nodes that list the driver', () => {
    const seen = [csiNode('a', '1', []), csiNode('b', '1', ['other']), csiNode('c', '1', [DRIVER])];
    expect([...look(new Map(), seen, 0).keys()]).toEqual(['c']);
  });

  it('takes a node whose list of drivers is null for one without', () => {
    const none = { metadata: { name: 'a' }, spec: { drivers: null } } as unknown as V1CSINode;
    expect(look(new Map(), [none], 0).size).toBe(0);
  });

  it('keeps the time of a CSINode that has not changed, and what is settled', () => {
    const settled = new Map([['a', { node: 'a', version: 'u:1', sinceMs: 1_000, settled: true }]]);
    expect(look(settled, [csiNode('a', '1', [DRIVER])], 9_000)).toEqual(settled);
  });

  it.each([
    ['that left and came back between two looks', csiNode('a', '3', [DRIVER])],
    ['of a node that was made anew', csiNode('a', '1', [DRIVER], 'another')],
  ])('begins anew with a registration %s', (_what, changed) => {
    expect(look(first, [changed], 9_000).get('a')).toMatchObject({ sinceMs: 9_000, settled: false });
  });

  it('forgets a registration that is gone, and counts from its return', () => {
    const gone = look(first, [csiNode('a', '2', ['other'])], 2_000);
    expect(gone.size).toBe(0);
    expect(look(gone, [csiNode('a', '3', [DRIVER])], 3_000).get('a')?.sinceMs).toBe(3_000);
  });
});

describe('steady()', () => {
  const registration = { node: 'a', version: 'u:1', sinceMs: 1_000, settled: false };

  it.each([
    [registration, STEADY_MS - 1, false],
    [registration, STEADY_MS, true],
    [{ ...registration, settled: true }, STEADY_MS, false],
  ])('of %j after %d ms: %j', (one, afterMs, isDue) => {
    expect(steady([one], one.sinceMs + afterMs)).toEqual(isDue ? [one] : []);
  });
});

describe('reasonToLift()', () => {
  const facts = [true, false].flatMap((hasCapacity) =>
    [true, false].flatMap((hasDelayedClass) =>
      [STEADY_MS, PATIENCE_MS - 1, PATIENCE_MS].map(
        (registeredForMs): LiftFacts => ({ hasCapacity, hasDelayedClass, registeredForMs }),
      ),
    ),
  );

  it.each(facts)('of %j', (one) => {
    const mustWait = !one.hasCapacity && one.hasDelayedClass && one.registeredForMs < PATIENCE_MS;
    expect(reasonToLift(one) === undefined).toBe(mustWait);
  });

  it('was asked for every combination', () => {
    expect(facts).toHaveLength(12);
  });
});

describe('isDelayed()', () => {
  it.each([
    [DRIVER, 'WaitForFirstConsumer', true],
    [DRIVER, 'Immediate', false],
    ['other', 'WaitForFirstConsumer', false],
  ])('of a class of %s with %s is %j', (provisioner, volumeBindingMode, delayed) => {
    expect(isDelayed({ provisioner, volumeBindingMode }, DRIVER)).toBe(delayed);
  });
});

describe('patchOf()', () => {
  const other: V1Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' };
  const ours = (effect: string): V1Taint => ({ key: STARTUP_TAINT, effect });
  const patched = (taints: readonly V1Taint[]) =>
    patchOf({ metadata: { name: 'a', uid: 'u' }, spec: { taints: [...taints] } });

  it.each([[[]], [[other]]])('is nothing for %j', (taints) => {
    expect(patched(taints)).toBeUndefined();
  });

  it('removes the taint of every effect, the last place first, each behind a test of its key', () => {
    expect(patched([ours('NoSchedule'), other, ours('NoExecute')])).toEqual([
      { op: 'test', path: '/metadata/uid', value: 'u' },
      { op: 'test', path: '/spec/taints/2/key', value: STARTUP_TAINT },
      { op: 'remove', path: '/spec/taints/2' },
      { op: 'test', path: '/spec/taints/0/key', value: STARTUP_TAINT },
      { op: 'remove', path: '/spec/taints/0' },
    ]);
  });
});
