import { describe, expect, it } from '@jest/globals';
import { isPartition } from '../../../src/host/watch.ts';

describe('isPartition()', () => {
  const disks = ['loop1', 'loop10', 'nvme0n1', 'sda'];
  it.each([
    ['loop1p2', true],
    ['loop10p255', true],
    ['nvme0n1p1', true],
    ['sda1', true],
    ['loop10', false],
    ['loop11', false],
    ['nvme0n1', false],
    ['nvme0n12', false],
    ['sdb1', false],
    ['sda', false],
    ['sg0', false],
  ])('of %s is %j', (node, is) => {
    expect(isPartition(node, disks)).toBe(is);
  });
});
