import { describe, expect, it } from '@jest/globals';
import { decodeRecord, encodeRecord, type VolumeRecord } from '../../../src/model/record.ts';
import { HANDLE, NOTE } from './fixtures.ts';

const RECORD: VolumeRecord = {
  formatVersion: 1,
  state: 'committed',
  handle: HANDLE,
  name: 'pvc-1',
  pool: 'fast',
  requiredBytes: 1073741824n,
  limitBytes: undefined,
  capabilities: [
    { access: { type: 'mount', fsType: 'xfs', mountFlags: ['noatime'] }, mode: 'SINGLE_NODE_WRITER' },
  ],
  mkfsOptions: ['-i', 'size=512'],
  mark: NOTE.mark,
  generation: 3,
  sizeBytes: 1073741824n,
  disk: NOTE.disk,
  slot: '/devices/pci0000:00/nvme1n1',
  array: undefined,
  createdAt: '2026-01-02T03:04:05.678Z',
  claim: { namespace: 'shop', name: 'ledger-0', volume: 'pvc-1' },
};

describe('decodeRecord()', () => {
  it.each<Partial<VolumeRecord>>([
    {},
    { state: 'planned' },
    { state: 'deleted' },
    { requiredBytes: undefined },
    { limitBytes: 9223372036854775807n },
    { capabilities: [] },
    { capabilities: [{ access: { type: 'block' }, mode: 'SINGLE_NODE_MULTI_WRITER' }] },
    { mkfsOptions: [] },
    { claim: undefined },
    {
      array: {
        level: 'raid10',
        members: [
          { disk: 'a', slot: '/x' },
          { disk: 'b', slot: '' },
        ],
      },
    },
    { name: 'a name with "quotes"\nand lines ä 😀' },
  ])('reads back what encodeRecord() wrote with %p', (change) => {
    const record = { ...RECORD, ...change };
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  it('reads a record of a driver that knew no claims', () => {
    const { claim: _, ...older } = JSON.parse(encodeRecord(RECORD)) as Record<string, unknown>;
    expect(decodeRecord(JSON.stringify(older))).toEqual({ ...RECORD, claim: undefined });
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '1',
    '"text"',
    '{}',
    '{"formatVersion":1}',
    encodeRecord(RECORD).slice(0, -3),
  ])('takes %j for no record', (text) => {
    expect(decodeRecord(text)).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['formatVersion', 2],
    ['formatVersion', '1'],
    ['state', 'done'],
    ['handle', 'pvc-1'],
    ['handle', undefined],
    ['name', 7],
    ['pool', undefined],
    ['mark', ''],
    ['generation', '3'],
    ['generation', 1.5],
    ['generation', -1],
    ['sizeBytes', 1073741824],
    ['sizeBytes', '-1'],
    ['sizeBytes', '1e9'],
    ['requiredBytes', 'many'],
    ['limitBytes', 5],
    ['disk', null],
    ['slot', undefined],
    ['createdAt', undefined],
    ['mkfsOptions', 'size=512'],
    ['mkfsOptions', [1]],
    ['array', null],
    ['array', { level: 'raid5', members: [] }],
    ['array', { level: 'raid0', members: [{ disk: 'a' }] }],
    ['array', { level: 'raid0', members: [null] }],
    ['claim', null],
    ['claim', 'ledger-0'],
    ['claim', { namespace: 'shop', name: 'ledger-0' }],
    ['capabilities', {}],
    ['capabilities', [null]],
    ['capabilities', [{}]],
    ['capabilities', [{ mode: 'MULTI_NODE_MULTI_WRITER', access: { type: 'block' } }]],
    [
      'capabilities',
      [{ mode: 'SINGLE_NODE_WRITER', access: { type: 'mount', fsType: 'ntfs', mountFlags: [] } }],
    ],
    [
      'capabilities',
      [{ mode: 'SINGLE_NODE_WRITER', access: { type: 'mount', fsType: 'xfs', mountFlags: 'ro' } }],
    ],
    ['capabilities', [{ mode: 'SINGLE_NODE_WRITER', access: { type: 'tape' } }]],
    ['capabilities', [{ mode: 'SINGLE_NODE_WRITER', access: null }]],
  ])('takes a record with %s %j for none', (key, value) => {
    const raw = JSON.parse(encodeRecord(RECORD)) as object;
    expect(decodeRecord(JSON.stringify({ ...raw, [key]: value }))).toBeUndefined();
  });
});
