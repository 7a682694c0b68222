import { describe, expect, it } from '@jest/globals';
import { checkMkfsOptions, mkfsCommand } from '../../../src/host/mkfs.ts';
import type { FsType } from '../../../src/model/volume.ts';

const UUID = '31111111-2222-8333-8444-555555555555';

function args(fsType: FsType, text: string, kernel = '6.1.0-30-amd64'): string {
  const checked = checkMkfsOptions(fsType, text);
  if ('refused' in checked) throw new Error(checked.refused);
  return mkfsCommand({ fsType, device: '/dev/loop7p2', uuid: UUID, options: checked.ok, kernel }).args.join(
    ' ',
  );
}

describe('mkfsCommand()', () => {
  it.each([
    ['xfs', '', '-f -K -q -m uuid=<U> D'],
    ['xfs', '-i size=1024 -m reflink=0', '-f -K -q -m uuid=<U> -i size=1024 -m reflink=0 D'],
    ['ext4', '', '-F -q -U <U> -m 0 -E nodiscard,lazy_itable_init=1 D'],
    ['ext4', '-m1 -E stride=16', '-F -q -U <U> -m 0 -m 1 -E nodiscard,lazy_itable_init=1,stride=16 D'],
    [
      'ext4',
      '-O ^quota -O bigalloc',
      '-F -q -U <U> -m 0 -E nodiscard,lazy_itable_init=1 -O ^quota,bigalloc D',
    ],
    ['btrfs', '-M --csum=xxhash -n 16k', '-f -K -q -U <U> -M --csum xxhash -n 16k D'],
  ] as const)('merges ours with the options of a %s class %j', (fsType, text, expected) => {
    expect(args(fsType, text)).toBe(expected.replace('<U>', UUID).replace('D', '/dev/loop7p2'));
  });

  it.each([
    ['xfs', '5.4.0-100-generic', ['-m bigtime=0', '-m inobtcount=0', '-i nrext64=0']],
    ['xfs', '5.10.0-30-amd64', ['-i nrext64=0']],
    ['xfs', '5.19.0', []],
    ['xfs', '6.12.1', []],
    ['ext4', '5.10.0', ['-O ^orphan_file']],
    ['ext4', '5.15.0', []],
  ] as const)('makes a %s that Linux %s can mount', (fsType, kernel, expected) => {
    const found =
      args(fsType, '', kernel).match(/-[mi] (bigtime|inobtcount|nrext64)=0|-O \^orphan_file/g) ?? [];
    expect(found).toEqual(expected);
  });

  it('lets a class have what the kernel profile would switch off, and says no key twice to mkfs.xfs', () => {
    expect(args('xfs', '-i nrext64=1', '5.4.0')).not.toContain('nrext64=0');
  });
});

describe('checkMkfsOptions()', () => {
  it.each([
    ['xfs', '-l logdev=/dev/sda1', '"logdev=/dev/sda1" after -l; allowed: size=SIZE'],
    ['xfs', '-d file,name=/etc/passwd', '"file" after -d'],
    ['xfs', '-m uuid=1', '"uuid=1" after -m'],
    ['xfs', '-c options=/etc/x', 'no place for "-c"; allowed: -b -d -i -l -m -n -s'],
    ['xfs', '-p /etc/proto', 'no place for "-p"'],
    ['xfs', '-r rtdev=/dev/sda', 'no place for "-r"'],
    ['xfs', '-L data', 'no place for "-L"'],
    ['xfs', '-b size', '"size" after -b'],
    ['xfs', '-b size=4k=5', '"size=4k=5" after -b'],
    ['xfs', '/dev/sda', 'no place for "/dev/sda"'],
    ['xfs', '-b', '"" after -b'],
    ['xfs', '-m constructor=1', '"constructor=1" after -m'],
    ['ext4', '-U random', 'no place for "-U"'],
    ['ext4', '-J device=/dev/sda', '"device=/dev/sda" after -J'],
    ['ext4', '-O journal_dev', '"journal_dev" after -O'],
    ['ext4', '-E discard', '"discard" after -E'],
    ['ext4', '-E offset=4096', '"offset=4096" after -E'],
    ['ext4', '-b -F', '"-b -F"; allowed: -b NUMBER'],
    ['ext4', '-n', 'no place for "-n"'],
    ['btrfs', '-r /etc', 'no place for "-r"'],
    ['btrfs', '--rootdir=/etc', 'no place for "--rootdir=/etc"'],
    ['btrfs', '-d raid1', '"-d raid1"; allowed: -d single|dup'],
  ] as const)('refuses for %s %j', (fsType, text, words) => {
    expect(checkMkfsOptions(fsType, text)).toEqual({ refused: expect.stringContaining(words) });
  });

  it('takes nothing for nothing', () => {
    expect(checkMkfsOptions('xfs', '  ')).toEqual({ ok: [] });
  });
});
