import { describe, expect, it } from '@jest/globals';
import {
  bindCommand,
  checkMountOptions,
  mountCommand,
  remountReadOnlyBindCommand,
  unmountCommand,
} from '../../../src/host/mount.ts';

describe('checkMountOptions()', () => {
  it.each([
    [[], []],
    [
      ['noatime,nodiratime', 'discard'],
      ['noatime', 'nodiratime', 'discard'],
    ],
    [['defaults', 'usrquota', 'user_xattr', 'nouuid', 'errors=remount-ro', 'logbsize=256k'], undefined],
  ])('passes %j', (flags, options) => {
    expect(checkMountOptions(flags)).toEqual({ ok: options ?? flags });
  });

  it.each([
    ...['bind', 'rbind', 'move', 'remount', 'rshared', 'loop', 'loop=/dev/loop1', 'offset=1', 'sizelimit=1'],
    ...[
      'encryption=aes',
      'sb=1',
      'subvol=/',
      'subvolid=5',
      'logdev=/dev/sda',
      'rtdev=/dev/sda',
      'journal_dev=0x801',
    ],
    ...[
      'journal_path=/dev/sda',
      'device=/dev/sda',
      'helper=udisks',
      'uhelper=x',
      'user',
      'users',
      'user=bob',
      'owner',
    ],
    ...[
      'group',
      'errors=panic',
      'fatal_errors=panic',
      'x-systemd.automount',
      'X-mount.mkdir',
      'verity.hashdevice=/x',
    ],
    ...['', 'noatime,', 'no atime', 'a\u0000b', 'context="a', 'a\\b', 'noatime,bind'],
  ])('refuses %j in words', (flag) => {
    expect(checkMountOptions([flag])).toEqual({ refused: expect.stringMatching(/^mount option ".*" \w/) });
  });

  it('refuses more than mount(2) takes', () => {
    expect(checkMountOptions(['a'.repeat(5000)])).toEqual({
      refused: 'mount options of 5000 bytes, want at most 4095',
    });
  });
});

describe('mount commands', () => {
  it.each([
    [
      mountCommand('xfs', '/dev/loop7p2', '/mnt/v', ['noatime', 'ro']),
      'mount --internal-only --types xfs --options noatime,ro -- /dev/loop7p2 /mnt/v',
    ],
    [
      mountCommand('ext4', '/dev/loop7p2', '/mnt/v', []),
      'mount --internal-only --types ext4 -- /dev/loop7p2 /mnt/v',
    ],
    [bindCommand('/mnt/v', '/mnt/w'), 'mount --internal-only --bind -- /mnt/v /mnt/w'],
    [remountReadOnlyBindCommand('/mnt/w'), 'mount --internal-only --options remount,bind,ro -- /mnt/w'],
    [unmountCommand('/mnt/w'), 'umount --internal-only -- /mnt/w'],
  ])('run no helper, and are never lazy: %#', ({ command, args, effect }, expected) => {
    expect([command, ...args].join(' ')).toBe(expected);
    expect(effect).toBe(true);
  });
});
