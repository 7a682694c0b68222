import { describe, expect, it } from '@jest/globals';
import { isOfNode, managedByOf } from '../../../src/cluster/managed-by.ts';

/** Expected as external-provisioner's own test has it (v6.3.0: cmd/csi-provisioner/util_test.go). */
const LABELS: readonly (readonly [node: string, label: string])[] = [
  ['node01', 'external-provisioner-node01'],
  [`node${'a'.repeat(38)}`, `external-provisioner-node${'a'.repeat(38)}`],
  [`node${'a'.repeat(39)}`, `external-p-53f40b57-node${'a'.repeat(39)}`],
  [`node${'a'.repeat(48)}`, `e-53f40b57-node${'a'.repeat(48)}`],
  [`node${'a'.repeat(49)}`, 'external-provisioner-a3607ff1'],
  [`node${'a'.repeat(63)}`, 'external-provisioner-df38e37f'],
];

describe('managedByOf()', () => {
  it.each(LABELS)('of %s is %s, as external-provisioner writes it', (node, label) => {
    expect(managedByOf(node)).toBe(label);
    expect(label.length).toBeLessThanOrEqual(63);
    expect(isOfNode(label)).toBe(true);
  });
});

describe('isOfNode()', () => {
  it.each(['external-provisioner', '', 'cluster-autoscaler'])('leaves out what %j manages', (managedBy) => {
    expect(isOfNode(managedBy)).toBe(false);
  });
});
