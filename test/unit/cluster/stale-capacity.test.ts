import { describe, expect, it } from '@jest/globals';
import type { V1ObjectMeta } from '@kubernetes/client-node';
import { MANAGED_BY_LABEL } from '../../../src/cluster/managed-by.ts';
import { due, GRACE_MS, withoutNode } from '../../../src/cluster/stale-capacity.ts';

const object = (name: string, managedBy?: string): V1ObjectMeta => ({
  name,
  uid: `uid-${name}`,
  ...(managedBy === undefined ? {} : { labels: { [MANAGED_BY_LABEL]: managedBy } }),
});

describe('withoutNode()', () => {
  const objects = [
    object('here', 'external-provisioner-a'),
    object('gone', 'external-provisioner-b'),
    object('here-long', `external-p-53f40b57-node${'a'.repeat(39)}`),
    object('gone-long', `external-p-53f40b57-node${'b'.repeat(39)}`),
    object('central', 'external-provisioner'),
    object('hand-made', 'somebody'),
    object('unlabelled'),
  ];

  it('finds the objects of absent nodes, and no object that no node manages', () => {
    const found = withoutNode(objects, ['a', `node${'a'.repeat(39)}`]);
    expect(found.map(({ name }) => name)).toEqual(['gone', 'gone-long']);
  });
});

describe('due()', () => {
  const gone = object('gone', 'external-provisioner-b');
  const first = due(new Map(), [gone], 1_000);

  it('deletes nothing at first sight', () => {
    expect(first.due).toEqual([]);
  });

  it.each([
    [GRACE_MS - 1, []],
    [GRACE_MS, [gone]],
  ])('after %d ms of absence: %j', (afterMs, expected) => {
    expect(due(first.absences, [gone], 1_000 + afterMs).due).toEqual(expected);
  });

  it('begins anew when the node was there in between', () => {
    const between = due(first.absences, [], 2_000);
    expect(due(between.absences, [gone], 1_000 + GRACE_MS).due).toEqual([]);
  });
});
