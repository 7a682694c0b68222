import { describe, expect, it } from '@jest/globals';
import { decodeCapacity, decodeCreate } from '../../../src/csi/decode-controller.ts';
import type { CreateVolumeRequest__Output } from '../../../src/csi/gen/csi/v1/CreateVolumeRequest.ts';
import { refusal } from './refusal.ts';
import { block, create, mount, range } from './requests.ts';

describe('decodeCreate()', () => {
  it('turns a full request into our types', () => {
    const request = create({
      capacity_range: range('1073741824', '9223372036854775807'),
      volume_capabilities: [mount({ fs_type: 'ext4', mount_flags: ['noatime'] }, 'SINGLE_NODE_MULTI_WRITER')],
      parameters: {
        pool: 'fast',
        mkfsOptions: '-m 1',
        onDataLoss: 'fail',
        'csi.storage.k8s.io/pvc/name': 'ledger-0',
        'csi.storage.k8s.io/pvc/namespace': 'shop',
        'csi.storage.k8s.io/pv/name': 'pvc-1',
      },
    });
    expect(decodeCreate(request)).toEqual({
      name: 'pvc-1',
      size: { requiredBytes: 1073741824n, limitBytes: 9223372036854775807n },
      capabilities: [
        {
          access: { type: 'mount', fsType: 'ext4', mountFlags: ['noatime'] },
          mode: 'SINGLE_NODE_MULTI_WRITER',
        },
      ],
      parameters: { pool: 'fast', mkfsOptions: ['-m', '1'] },
      claim: { namespace: 'shop', name: 'ledger-0', volume: 'pvc-1' },
    });
  });

  it('takes xfs for no filesystem named, and no size for none asked', () => {
    const { capabilities, size } = decodeCreate(create({ capacity_range: null }));
    expect(capabilities[0]?.access).toEqual({ type: 'mount', fsType: 'xfs', mountFlags: [] });
    expect(size).toEqual({ requiredBytes: undefined, limitBytes: undefined });
    expect(decodeCreate(create({ capacity_range: range('0') })).size).toEqual(size);
  });

  it('refuses no claim, however long its name and whatever is missing', () => {
    const of = (parameters: Readonly<Record<string, string>>) => decodeCreate(create({ parameters })).claim;
    const name = 'x'.repeat(253);
    const whole = { 'csi.storage.k8s.io/pvc/namespace': 'shop', 'csi.storage.k8s.io/pv/name': 'pvc-1' };
    expect(of({ ...whole, 'csi.storage.k8s.io/pvc/name': name })).toMatchObject({ name });
    expect(of(whole)).toBeUndefined();
    expect(of({})).toBeUndefined();
  });

  it('lets a class with mkfsOptions serve raw block too', () => {
    const { parameters } = decodeCreate(
      create({ volume_capabilities: [block()], parameters: { mkfsOptions: '-q' } }),
    );
    expect(parameters.mkfsOptions).toEqual([]);
  });

  it.each(['pvc 😀 $(reboot); rm -rf ../.. "\'', 'é'.repeat(64), '-rf', '日本'])(
    'takes the name %j',
    (name) => {
      expect(decodeCreate(create({ name })).name).toBe(name);
    },
  );
});

type Row = readonly [what: string, spoilt: Partial<CreateVolumeRequest__Output>, says: RegExp];

const REFUSED: readonly Row[] = [
  ['no name', { name: '' }, /^invalid-argument: name: found nothing, want/],
  [
    'a name of 129 bytes',
    { name: `${'é'.repeat(64)}x` },
    /^invalid-argument: name: found 129 bytes, want at most 128/,
  ],
  ['a name with a newline', { name: 'a\nb' }, /^invalid-argument: name: found "a\\nb", want/],
  ['a name with a NUL', { name: 'a\0b' }, /^invalid-argument: name: found/],
  ['a name with a C1 control character', { name: 'a\u0085b' }, /^invalid-argument: name: found/],
  ['a name with half a character', { name: '\ud800' }, /^invalid-argument: name: found half a surrogate/],
  ['no capabilities', { volume_capabilities: [] }, /^invalid-argument: volume_capabilities: found nothing/],
  [
    'a negative size',
    { capacity_range: range('-1') },
    /^invalid-argument: capacity_range.required_bytes: found -1/,
  ],
  [
    'a negative limit',
    { capacity_range: range('0', '-5') },
    /^invalid-argument: capacity_range.limit_bytes: found -5/,
  ],
  [
    'a limit below',
    { capacity_range: range('9', '8') },
    /^out-of-range: capacity_range: found limit_bytes 8 below/,
  ],
  [
    'a snapshot to begin with',
    { volume_content_source: { type: 'snapshot', snapshot: { snapshot_id: 's' } } },
    /^invalid-argument: volume_content_source: found a source, want none: .*no snapshots and no clones/,
  ],
  [
    'mutable parameters',
    { mutable_parameters: { iops: '1' } },
    /^invalid-argument: mutable_parameters: found "iops"/,
  ],
  [
    'an unknown parameter',
    { parameters: { Pool: 'x' } },
    /^invalid-argument: parameters: found the unknown key "Pool", want one of pool, mkfsOptions, onDataLoss/,
  ],
  ['an empty pool', { parameters: { pool: '' } }, /^invalid-argument: parameters.pool: found nothing/],
  ['a pool with a newline', { parameters: { pool: 'a\nb' } }, /^invalid-argument: parameters.pool: found/],
  [
    'parameters too big',
    { parameters: { pool: 'x'.repeat(4100) } },
    /^invalid-argument: parameters: found 4104 bytes/,
  ],
  [
    'a recreated volume',
    { parameters: { onDataLoss: 'recreate' } },
    /parameters.onDataLoss: found "recreate", want "fail"/,
  ],
  [
    'another answer to loss',
    { parameters: { onDataLoss: 'x' } },
    /parameters.onDataLoss: found "x", want "fail"/,
  ],
  [
    'a bad mkfs option',
    { parameters: { mkfsOptions: '-d file=/dev/sda' } },
    /^invalid-argument: parameters.mkfsOptions: /,
  ],
];

describe('decodeCreate() refuses', () => {
  it.each(REFUSED)('%s', (_, spoilt, says) => {
    expect(refusal(() => decodeCreate(create(spoilt)))).toMatch(says);
  });

  it('a missing field before any other', () => {
    const wrong = { name: '', volume_capabilities: [], capacity_range: range('-1'), parameters: { x: 'y' } };
    expect(refusal(() => decodeCreate(create(wrong)))).toMatch(/ name: found nothing/);
    expect(refusal(() => decodeCreate(create({ ...wrong, name: 'a\nb' })))).toMatch(
      / volume_capabilities: found nothing/,
    );
  });
});

describe('decodeCapacity()', () => {
  const ask = { volume_capabilities: [], parameters: {}, accessible_topology: null };

  it('answers an empty request', () => {
    const nothing = { pool: undefined, mkfsOptions: [] };
    expect(decodeCapacity(ask)).toEqual({ capabilities: [], parameters: nothing, possible: true });
  });

  it('takes the pool out of raw StorageClass parameters, and leaves the rest to CreateVolume', () => {
    const parameters = {
      pool: 'fast',
      'csi.storage.k8s.io/fstype': 'ext4',
      mkfsOptions: '-d file=x',
      typo: '1',
    };
    expect(decodeCapacity({ ...ask, parameters }).parameters).toEqual({ pool: 'fast', mkfsOptions: [] });
  });

  it('knows what can never be had', () => {
    const shared = [mount({}, 'MULTI_NODE_MULTI_WRITER')];
    expect(decodeCapacity({ ...ask, volume_capabilities: shared }).possible).toBe(false);
  });
});
