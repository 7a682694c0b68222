import { describe, expect, it } from '@jest/globals';
import {
  decodeCapabilities,
  demandCapabilities,
  demandCapability,
} from '../../../src/csi/decode-capability.ts';
import type { VolumeCapability__Output } from '../../../src/csi/gen/csi/v1/VolumeCapability.ts';
import { ACCESS_MODES } from '../../../src/model/volume.ts';
import { refusal } from './refusal.ts';
import { block, mount } from './requests.ts';

const NAMED = /^invalid-argument: caps\[0\]\./;

describe('a capability of one node', () => {
  it.each(ACCESS_MODES)('%s is ours', (mode) => {
    expect(demandCapabilities('caps', [block(mode)])).toEqual([{ access: { type: 'block' }, mode }]);
  });

  it.each(['xfs', 'ext4', 'btrfs'])('%s is ours', (fsType) => {
    const [capability] = demandCapabilities('caps', [
      mount({ fs_type: fsType, mount_flags: ['noatime,nodiratime'] }),
    ]);
    expect(capability?.access).toEqual({ type: 'mount', fsType, mountFlags: ['noatime', 'nodiratime'] });
  });
});

const UNSUPPORTED: readonly (readonly [string, VolumeCapability__Output, RegExp])[] = [
  [
    'MULTI_NODE_READER_ONLY',
    mount({}, 'MULTI_NODE_READER_ONLY'),
    /access_mode: .*ReadWriteOncePod.*network filesystem/,
  ],
  ['MULTI_NODE_SINGLE_WRITER', mount({}, 'MULTI_NODE_SINGLE_WRITER'), /access_mode: .*use ReadWriteOnce or/],
  [
    'MULTI_NODE_MULTI_WRITER',
    block('MULTI_NODE_MULTI_WRITER'),
    /access_mode: .*for ReadWriteMany use a network/,
  ],
  ['a mode of a later CSI', block(8 as never), /access_mode: found the unknown mode 8, want one of SINGLE/],
  ['ntfs', mount({ fs_type: 'ntfs' }), /mount.fs_type: found "ntfs", want one of xfs, ext4, btrfs/],
  ['a mount group', mount({ volume_mount_group: '1000' }), /volume_mount_group: found "1000", want nothing/],
  ['a mount flag of the host', mount({ mount_flags: ['x-systemd.automount'] }), /mount.mount_flags: /],
];

describe('a capability that is not ours', () => {
  it.each(UNSUPPORTED)('%s is refused by a creation as invalid', (_, raw, says) => {
    const words = refusal(() => demandCapabilities('caps', [raw]));
    expect(words).toMatch(NAMED);
    expect(words).toMatch(says);
  });

  it.each(UNSUPPORTED)('%s is refused on a node as unsupported', (_, raw, says) => {
    const words = refusal(() => demandCapability('cap', raw));
    expect(words).toMatch(/^unsupported: cap\./);
    expect(words).toMatch(says);
  });

  it.each(UNSUPPORTED)('%s is told, and not refused, when one only asks', (_, raw, says) => {
    const { capabilities, unsupported } = decodeCapabilities('caps', [mount(), raw]);
    expect(capabilities).toHaveLength(1);
    expect(unsupported).toEqual([expect.stringMatching(says)]);
  });
});

const MALFORMED: readonly (readonly [string, VolumeCapability__Output, RegExp])[] = [
  ['no access type', { access_mode: { mode: 'SINGLE_NODE_WRITER' } }, /cap.access_type: found nothing/],
  ['no access mode', { ...mount(), access_mode: null }, /cap.access_mode: found nothing/],
  ['an unknown access mode', mount({}, 'UNKNOWN'), /cap.access_mode: found UNKNOWN/],
  ['a filesystem of 129 bytes', mount({ fs_type: 'x'.repeat(129) }), /cap.mount.fs_type: found 129 bytes/],
  ['5 KiB of flags', mount({ mount_flags: ['x'.repeat(5120)] }), /cap.mount.mount_flags: found 5120 bytes/],
];

describe('a malformed capability is an invalid argument everywhere', () => {
  it.each(MALFORMED)('%s', (_, raw, says) => {
    expect(refusal(() => demandCapability('cap', raw))).toMatch(/^invalid-argument: cap/);
    expect(refusal(() => demandCapability('cap', raw))).toMatch(says);
    expect(refusal(() => decodeCapabilities('caps', [raw]))).toMatch(NAMED);
  });
});

const CONTRADICTIONS: readonly (readonly [string, readonly VolumeCapability__Output[], RegExp])[] = [
  ['block and mount', [block(), mount()], /caps: found both block and mount/],
  ['xfs and ext4', [mount(), mount({ fs_type: 'ext4' })], /caps: found the filesystems xfs and ext4/],
  [
    'one writer and several',
    [mount({}, 'SINGLE_NODE_SINGLE_WRITER'), mount({}, 'SINGLE_NODE_MULTI_WRITER')],
    /caps: found both SINGLE_NODE_SINGLE_WRITER and SINGLE_NODE_MULTI_WRITER/,
  ],
];

describe('capabilities that contradict each other are refused', () => {
  it.each(CONTRADICTIONS)('%s', (_, raws, says) => {
    expect(refusal(() => decodeCapabilities('caps', raws))).toMatch(says);
  });

  it('and those that do not are not: xfs by name and by default, a writer and a reader', () => {
    const raws = [mount(), mount({ fs_type: 'xfs' }), mount({}, 'SINGLE_NODE_READER_ONLY')];
    expect(decodeCapabilities('caps', raws).capabilities).toHaveLength(3);
  });
});
