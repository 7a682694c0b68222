import { describe, expect, it } from '@jest/globals';
import * as blkid from '../../../src/host/blkid.ts';
import * as wipefs from '../../../src/host/wipefs.ts';

const result = (text: string, code = 0) => ({ code, stdout: Buffer.from(text), stderr: '', durationMs: 1 });

/** As blkid 2.38.1 prints them. */
const XFS =
  'DEVNAME=/dev/loop1\nUUID=31111111-2222-8333-8444-555555555555\nBLOCK_SIZE=512\nTYPE=xfs\nUSAGE=filesystem\n';
const GPT = 'DEVNAME=/dev/loop0\nPTUUID=11111111-2222-8333-8444-555555555555\nPTTYPE=gpt\n';
const RAID = 'DEVNAME=/dev/loop0\nUUID=1-2\nTYPE=linux_raid_member\nUSAGE=raid\n';

describe('blkid parseFilesystem()', () => {
  it.each([
    [
      'present',
      XFS,
      0,
      { is: 'present', value: { type: 'xfs', uuid: '31111111-2222-8333-8444-555555555555' } },
    ],
    ['absent on exit code 2', '', 2, { is: 'absent' }],
    [
      'unknown where several are',
      '',
      8,
      { is: 'unknown', why: 'several signatures are there (wipefs shows them)' },
    ],
    ['unknown for a table', GPT, 0, { is: 'unknown', why: 'a gpt partition table is there' }],
    [
      'unknown for a member',
      RAID,
      0,
      { is: 'unknown', why: 'found linux_raid_member, which is no filesystem' },
    ],
    [
      'unknown without a UUID',
      'TYPE=ext2\nUSAGE=filesystem\n',
      0,
      { is: 'unknown', why: 'the ext2 filesystem has no UUID' },
    ],
  ])('is %s', (_, text, code, answer) => {
    expect(blkid.parseFilesystem(result(text, code))).toEqual(answer);
  });
});

describe('blkid parseSignatures()', () => {
  it.each([
    ['nothing', '', 2, []],
    ['a table', GPT, 0, [{ usage: 'table', type: 'gpt', at: 'unknown' }]],
    ['a filesystem', XFS, 0, [{ usage: 'other', type: 'xfs', at: 'unknown' }]],
    ['an ambivalent result', '', 8, [{ usage: 'other', type: 'several signatures', at: 'unknown' }]],
  ])('finds %s', (_, text, code, signatures) => {
    expect(blkid.parseSignatures(result(text, code))).toEqual(signatures);
  });
});

describe('wipefs parseSignatures()', () => {
  it('gives every signature its place', () => {
    const listed = {
      signatures: [
        { offset: '0x200', type: 'gpt', usage: 'partition-table' },
        { offset: '0x438', type: 'ext4', usage: 'filesystem' },
      ],
    };
    expect(wipefs.parseSignatures(result(JSON.stringify(listed)))).toEqual([
      { usage: 'table', type: 'gpt', at: 'byte 512' },
      { usage: 'other', type: 'ext4', at: 'byte 1080' },
    ]);
  });

  it.each(['', '{"signatures": [ ]}'])('finds none in %j', (text) => {
    expect(wipefs.parseSignatures(result(text))).toEqual([]);
  });

  it.each(['{}', 'garbage', '{"signatures": null}'])('takes %j for unknown, not for blank', (text) => {
    expect(() => wipefs.parseSignatures(result(text))).toThrow(expect.objectContaining({ kind: 'unknown' }));
  });
});
