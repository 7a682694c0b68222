import { describe, expect, it } from '@jest/globals';
import { decodeValidate } from '../../../src/csi/decode-controller.ts';
import {
  decodeExpand,
  decodeLooked,
  decodePlace,
  decodePublish,
  decodeStage,
} from '../../../src/csi/decode-node.ts';
import { refusal } from './refusal.ts';
import { HANDLE, MARK, mount, publish, range, stage, validate } from './requests.ts';

const CONTEXT = { pool: 'fast', mark: MARK, machine: 'i-0123' };
const UNNAMED = { access: { type: 'mount', fsType: undefined, mountFlags: [] }, mode: 'SINGLE_NODE_WRITER' };

describe('decoding of node requests', () => {
  it('decodeStage() turns a request into our types', () => {
    const stagingPath = '/var/lib/kubelet/staging';
    expect(decodeStage(stage())).toEqual({
      handle: HANDLE,
      stagingPath,
      capability: UNNAMED,
      context: CONTEXT,
    });
  });

  it('decodeStage() keeps a filesystem that is named', () => {
    const { capability } = decodeStage(stage({ volume_capability: mount({ fs_type: 'ext4' }) }));
    expect(capability.access).toMatchObject({ fsType: 'ext4' });
  });

  it('decodePublish() turns a request into our types', () => {
    expect(decodePublish(publish({ readonly: true }))).toMatchObject({
      handle: HANDLE,
      stagingPath: '/var/lib/kubelet/staging',
      targetPath: '/var/lib/kubelet/target',
      readOnly: true,
      context: CONTEXT,
    });
  });

  it('the context of a hand-made volume is empty, and keys of others are let be', () => {
    const { context } = decodeStage(
      stage({ volume_context: { 'storage.kubernetes.io/x': 'y', other: 'z' } }),
    );
    expect(context).toEqual({ pool: undefined, mark: undefined, machine: undefined });
  });

  it.each(['fake-vol-id', 'x'.repeat(5000), 'a\nb', '../../etc'])(
    'the handle %.20j is an unknown one, not malformed',
    (id) => {
      expect(decodeStage(stage({ volume_id: id })).handle).toBe(id);
      expect(decodeLooked({ volume_id: id, volume_path: '/p' }).handle).toBe(id);
    },
  );

  it.each(['some/path', '/a/../b', '/'])('the path %j, where one only looks, is passed on', (path) => {
    expect(decodeLooked({ volume_id: HANDLE, volume_path: path })).toEqual({ handle: HANDLE, path });
  });

  it('decodeExpand() reads the size', () => {
    const raw = {
      volume_id: HANDLE,
      volume_path: 'some/path',
      capacity_range: range('2147483648'),
      staging_target_path: '',
      volume_capability: null,
      secrets: {},
    };
    const size = { requiredBytes: 2147483648n, limitBytes: undefined };
    expect(decodeExpand(raw)).toEqual({ handle: HANDLE, volumePath: 'some/path', size });
  });
});

const REFUSED: readonly (readonly [string, () => unknown, RegExp])[] = [
  [
    'stage: no handle',
    () => decodeStage(stage({ volume_id: '' })),
    /^invalid-argument: volume_id: found nothing/,
  ],
  [
    'stage: no path',
    () => decodeStage(stage({ staging_target_path: '' })),
    /^invalid-argument: staging_target_path: found n/,
  ],
  [
    'stage: no capability',
    () => decodeStage(stage({ volume_capability: null })),
    /^invalid-argument: volume_capability: /,
  ],
  [
    'stage: a relative path',
    () => decodeStage(stage({ staging_target_path: 'a' })),
    /^invalid-argument: staging_target_path: /,
  ],
  [
    'stage: a path with ..',
    () => decodeStage(stage({ staging_target_path: '/a/../b' })),
    /^invalid-argument: staging_target_path: /,
  ],
  [
    'stage: several nodes',
    () => decodeStage(stage({ volume_capability: mount({}, 'MULTI_NODE_MULTI_WRITER') })),
    /^unsupported: volume_capability.access_mode: /,
  ],
  [
    'stage: a forged mark',
    () => decodeStage(stage({ volume_context: { mark: '../../x' } })),
    /^invalid-argument: volume_context.mark: found "..\/..\/x", want a UUID/,
  ],
  [
    'stage: a machine with a newline',
    () => decodeStage(stage({ volume_context: { machine: 'a\nb' } })),
    /^invalid-argument: volume_context.machine: /,
  ],
  [
    'stage: a context too big',
    () => decodeStage(stage({ volume_context: { x: 'x'.repeat(4096) } })),
    /^invalid-argument: volume_context: found 4097 bytes/,
  ],
  ['publish: no handle', () => decodePublish(publish({ volume_id: '' })), /^invalid-argument: volume_id: /],
  [
    'publish: no target',
    () => decodePublish(publish({ target_path: '' })),
    /^invalid-argument: target_path: found nothing/,
  ],
  [
    'publish: a target with ..',
    () => decodePublish(publish({ target_path: '/..' })),
    /^invalid-argument: target_path: /,
  ],
  [
    'publish: not staged',
    () => decodePublish(publish({ staging_target_path: '' })),
    /^not-staged: staging_target_path: /,
  ],
  [
    'publish: no capability, before not staged',
    () => decodePublish(publish({ staging_target_path: '', volume_capability: null })),
    /^invalid-argument: volume_capability: found nothing/,
  ],
  [
    'unpublish: no handle',
    () => decodePlace({ volume_id: '' }, 'target_path', '/t'),
    /^invalid-argument: volume_id: /,
  ],
  [
    'unpublish: no path',
    () => decodePlace({ volume_id: 'x' }, 'target_path', ''),
    /^invalid-argument: target_path: /,
  ],
  [
    'unpublish: a path with ..',
    () => decodePlace({ volume_id: 'x' }, 'target_path', '/a/..'),
    /^invalid-argument: target_path: /,
  ],
  [
    'stats: no path',
    () => decodeLooked({ volume_id: 'x', volume_path: '' }),
    /^invalid-argument: volume_path: found nothing/,
  ],
  [
    'validate: no handle',
    () => decodeValidate(validate({ volume_id: '' })),
    /^invalid-argument: volume_id: /,
  ],
  [
    'validate: nothing',
    () => decodeValidate(validate({ volume_capabilities: [] })),
    /^invalid-argument: volume_capabilities: /,
  ],
];

describe('decoding of node requests refuses', () => {
  it.each(REFUSED)('%s', (_, act, says) => {
    expect(refusal(act)).toMatch(says);
  });
});

describe('decodeValidate()', () => {
  it('tells mutable parameters as unsupported, and does not refuse the question', () => {
    const { unsupported } = decodeValidate(validate({ mutable_parameters: { iops: '1' } }));
    expect(unsupported).toEqual([expect.stringMatching(/^mutable_parameters: found "iops"/)]);
  });
});
