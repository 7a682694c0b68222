import { describe, expect, it } from '@jest/globals';
import { GIB } from '../../../src/model/bytes.ts';
import { incompatibility } from '../../../src/model/compatible.ts';
import type { VolumeRecord } from '../../../src/model/record.ts';
import type { Capability, CreateRequest } from '../../../src/model/volume.ts';
import { HANDLE, NOTE } from './fixtures.ts';

const XFS: Capability = {
  access: { type: 'mount', fsType: 'xfs', mountFlags: [] },
  mode: 'SINGLE_NODE_WRITER',
};
const BLOCK: Capability = { access: { type: 'block' }, mode: 'SINGLE_NODE_WRITER' };

const RECORD: VolumeRecord = {
  formatVersion: 1,
  state: 'committed',
  handle: HANDLE,
  name: 'pvc-1',
  pool: 'fast',
  requiredBytes: 2n * GIB,
  limitBytes: undefined,
  capabilities: [XFS],
  mkfsOptions: ['-i', 'size=512'],
  mark: NOTE.mark,
  generation: 1,
  sizeBytes: 2n * GIB,
  disk: NOTE.disk,
  slot: '/devices/nvme1n1',
  createdAt: NOTE.takenAt,
  claim: undefined,
  array: undefined,
};

const REQUEST: CreateRequest = {
  name: 'pvc-1',
  size: { requiredBytes: 2n * GIB, limitBytes: undefined },
  capabilities: [XFS],
  parameters: { pool: 'fast', mkfsOptions: ['-i', 'size=512'] },
  claim: undefined,
};

const noatime: Capability = { ...XFS, access: { type: 'mount', fsType: 'xfs', mountFlags: ['noatime'] } };

describe('incompatibility()', () => {
  it.each<[string, Partial<CreateRequest>]>([
    ['the same again', {}],
    ['less', { size: { requiredBytes: GIB, limitBytes: undefined } }],
    ['any size', { size: { requiredBytes: undefined, limitBytes: undefined } }],
    ['a limit of just its size', { size: { requiredBytes: undefined, limitBytes: 2n * GIB } }],
    ['another claim', { claim: { namespace: 'shop', name: 'ledger', volume: 'pvc-1' } }],
    ['any pool', { parameters: { ...REQUEST.parameters, pool: undefined } }],
    ['other mount flags', { capabilities: [noatime] }],
  ])('finds none when a repeated call asks for %s', (_what, change) => {
    expect(incompatibility(RECORD, { ...REQUEST, ...change })).toBeUndefined();
  });

  it.each<[string, string, Partial<CreateRequest>]>([
    ['more', 'required_bytes', { size: { requiredBytes: 2n * GIB + 1n, limitBytes: undefined } }],
    [
      'a limit below its size',
      'limit_bytes',
      { size: { requiredBytes: undefined, limitBytes: 2n * GIB - 1n } },
    ],
    ['another pool', 'parameters.pool', { parameters: { ...REQUEST.parameters, pool: 'slow' } }],
    ['other mkfs options', 'mkfsOptions', { parameters: { ...REQUEST.parameters, mkfsOptions: [] } }],
    ['a raw block volume', 'raw block', { capabilities: [BLOCK] }],
    [
      'another filesystem',
      'ext4',
      { capabilities: [{ ...XFS, access: { type: 'mount', fsType: 'ext4', mountFlags: [] } }] },
    ],
    ['another access mode', 'MULTI_WRITER', { capabilities: [{ ...XFS, mode: 'SINGLE_NODE_MULTI_WRITER' }] }],
    ['one capability more', 'raw block', { capabilities: [XFS, BLOCK] }],
  ])('names it when a repeated call asks for %s: %s', (_what, named, change) => {
    expect(incompatibility(RECORD, { ...REQUEST, ...change })).toContain(named);
  });
});
