import { describe, expect, it } from '@jest/globals';
import { chooseMachineId, type MachineFacts } from '../../../src/host/machine.ts';

const UUID = 'ec2a1b2c-0000-4000-8000-00000000beef';
const MACHINE_ID = '0123456789abcdef0123456789abcdef';
const facts = (more: Partial<MachineFacts> = {}): MachineFacts => ({
  boardVendor: 'Some Vendor',
  boardAssetTag: 'Not Specified',
  productUuid: UUID.toUpperCase(),
  etcMachineId: MACHINE_ID,
  ...more,
});

describe('chooseMachineId()', () => {
  it('takes the override first', () => {
    expect(chooseMachineId('rack-7', facts())).toBe('rack-7');
  });

  it('takes the instance id on EC2, and no sticker of that form elsewhere', () => {
    const tag = { boardAssetTag: 'i-0123456789abcdef0' };
    expect(chooseMachineId(undefined, facts({ ...tag, boardVendor: 'Amazon EC2' }))).toBe(
      'i-0123456789abcdef0',
    );
    expect(chooseMachineId(undefined, facts(tag))).toBe(UUID);
  });

  it.each([
    ...['00000000-0000-0000-0000-000000000000', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'],
    ...['fefefefe-fefe-fefe-fefe-fefefefefefe', '03000200-0400-0500-0006-000700080009'],
    ...['12345678-1234-5678-90ab-cddeefaabbcc', '4C4C4544-0000-2010-8020-80C04F202020', 'To be filled', ''],
  ])('passes over the product UUID %s', (productUuid) => {
    expect(chooseMachineId(undefined, facts({ productUuid }))).toBe(MACHINE_ID);
  });

  it.each([undefined, '', 'uninitialized', '0'.repeat(32)])(
    'has none when /etc/machine-id is %s too',
    (etcMachineId) => {
      expect(chooseMachineId(undefined, facts({ productUuid: undefined, etcMachineId }))).toBeUndefined();
    },
  );
});
