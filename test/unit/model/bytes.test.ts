import { describe, expect, it } from '@jest/globals';
import { alignDown, alignUp, formatBytes, GIB, KIB, MIB, parseSize } from '../../../src/model/bytes.ts';

describe('parseSize()', () => {
  it.each([
    ['0', 0n],
    ['1', 1n],
    ['1073741824', GIB],
    ['10Gi', 10n * GIB],
    ['300Mi', 300n * MIB],
    ['4Ki', 4n * KIB],
    ['2Ti', 2048n * GIB],
    ['1Pi', 1024n * 1024n * GIB],
    ['500M', 500_000_000n],
    ['7k', 7000n],
    ['1G', 1_000_000_000n],
    ['9223372036854775807', 9223372036854775807n],
  ])('reads %j as %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each([
    '',
    ' ',
    '-1',
    '+1',
    '1.5Gi',
    '1e3',
    '0x10',
    '10gi',
    '10 Gi',
    '10Gi ',
    '10GiB',
    'Gi',
    '1_000',
    '١٢',
    '10\n',
    '99999999999999999999',
    '1__',
    '1oo',
  ])('does not take %j for a size', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });
});

describe('formatBytes()', () => {
  it.each([
    [0n, '0 B'],
    [512n, '512 B'],
    [1023n, '1023 B'],
    [KIB, '1 KiB'],
    [300n * MIB, '300 MiB'],
    [GIB + GIB / 2n, '1.5 GiB'],
    [1_000_000_000n, '953.7 MiB'],
    [GIB - 1n, '1 GiB'],
    [2048n * GIB, '2 TiB'],
    [1024n ** 6n, '1024 PiB'],
  ])('shows %d bytes as %j', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('alignUp() and alignDown()', () => {
  it.each([
    [0n, 0n, 0n],
    [1n, MIB, 0n],
    [MIB - 1n, MIB, 0n],
    [MIB, MIB, MIB],
    [MIB + 1n, 2n * MIB, MIB],
  ])('put %d bytes between %d above and %d below', (bytes, up, down) => {
    expect([alignUp(bytes, MIB), alignDown(bytes, MIB)]).toEqual([up, down]);
  });
});
