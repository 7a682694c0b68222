import { describe, expect, it } from '@jest/globals';
import { glob, matchesPool } from '../../../src/model/match.ts';
import type { DiskMatch } from '../../../src/model/pool.ts';
import { DISK, POOL } from './fixtures.ts';

describe('glob()', () => {
  it.each([
    ['*', '', true],
    ['*', 'anything\nat all', true],
    ['abc', 'abc', true],
    ['ABC', 'abc', true],
    ['abc', 'abcd', false],
    ['abc', 'xabc', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a*c', 'ac', true],
    ['a*c', 'abbbc', true],
    ['nvme[0-9]', 'nvme1', false],
    ['nvme[0-9]', 'nvme[0-9]', true],
    ['a.c', 'abc', false],
    ['(a|b)', 'a', false],
    ['a+', 'aa', false],
    ['^a$', 'a', false],
    ['{a}\\', '{a}\\', true],
    ['', '', true],
    ['', 'a', false],
  ])('%j fits %j: %j', (pattern, text, fits) => {
    expect(glob(pattern, text)).toBe(fits);
  });
});

describe('the preset instance-store', () => {
  const pool = { ...POOL, match: [{ preset: 'instance-store' as const }] };

  it.each([
    'Amazon EC2 NVMe Instance Storage',
    'nvme_card',
    'nvme_card0',
    'nvme_card15',
    'EphemeralDisk',
    'Microsoft NVMe Direct Disk',
    'Microsoft NVMe Direct Disk v2',
  ])('fits the local disk "%s"', (model) => {
    expect(matchesPool({ ...DISK, model }, pool)).toBe(true);
  });

  it.each([
    'Amazon Elastic Block Store',
    'nvme_card-pd',
    'PersistentDisk',
    'MSFT NVMe Accelerator v1.0',
    'Virtual_Disk',
    'QEMU NVMe Ctrl',
    'Samsung SSD 980 PRO 1TB',
    'not Amazon EC2 NVMe Instance Storage',
    '',
  ])('does not fit "%s"', (model) => {
    expect(matchesPool({ ...DISK, model }, pool)).toBe(false);
  });
});

describe('matchesPool()', () => {
  const disk = { ...DISK, byIds: ['nvme-one', 'wwn-two'] };

  it.each<[readonly DiskMatch[], boolean]>([
    [[], false],
    [[{ model: 'amazon*' }], true],
    [[{ serial: 'AWS*' }], true],
    [[{ path: '/dev/nvme*' }], true],
    [[{ path: '/dev/sd*' }], false],
    [[{ byId: 'wwn-*' }], true],
    [[{ byId: 'scsi-*' }], false],
    [[{ transport: 'nvme' }], true],
    [[{ transport: 'scsi' }], false],
    [[{ model: 'amazon*', transport: 'scsi' }], false],
    [[{ preset: 'instance-store', path: '/dev/sd*' }], false],
    [[{ transport: 'scsi' }, { model: 'amazon*' }], true],
  ])('asks for all of a line and any of the lines: %j: %j', (match, fits) => {
    expect(matchesPool(disk, { ...POOL, match })).toBe(fits);
  });
});
