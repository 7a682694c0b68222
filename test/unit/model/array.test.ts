import { describe, expect, it } from '@jest/globals';
import {
  alignmentOf,
  canRunWithout,
  gatherDisks,
  memberBytesOf,
  ranApart,
  roomForMember,
} from '../../../src/model/array.ts';
import { GIB, MIB } from '../../../src/model/bytes.ts';
import type { Disk } from '../../../src/model/disk.ts';
import type { DeviceNote } from '../../../src/model/note.ts';
import type { Raid, RaidLevel } from '../../../src/model/pool.ts';
import { ARRAY_NOTE, DISK, NOTE } from './fixtures.ts';

const KIB = 1024n;
const RAID: Raid = { level: 'raid0', count: undefined, settleMs: 60_000, chunkBytes: 512n * KIB };

const disk = (identity: string, change: Partial<Disk> = {}): Disk => ({ ...DISK, identity, ...change });
const identities = (disks: readonly Disk[]): string => disks.map((one) => one.identity).join('');

describe('alignmentOf()', () => {
  const of = (array: RaidLevel, chunkKib: bigint, count: number): DeviceNote => ({
    ...ARRAY_NOTE,
    array,
    chunkBytes: chunkKib * KIB,
    members: Array(count).fill('disk'),
  });

  it.each<[bigint, string, DeviceNote]>([
    [1n, 'a disk', NOTE],
    [1n, 'a raid0 of two chunks of half a MiB', of('raid0', 512n, 2)],
    [3n, 'a raid0 of three chunks of half a MiB', of('raid0', 512n, 3)],
    [4n, 'a raid0 of four chunks of a MiB', of('raid0', 1024n, 4)],
    [3n, 'a raid0 of three chunks of 64 KiB', of('raid0', 64n, 3)],
    [1n, 'a raid1', of('raid1', 0n, 3)],
    [1n, 'a raid10 of four, which stripes over two', of('raid10', 512n, 4)],
    [3n, 'a raid10 of three, whose copies go round', of('raid10', 512n, 3)],
  ])('is %d MiB for %s', (mib, _what, note) => {
    expect(alignmentOf(note)).toBe(mib * MIB);
  });
});

describe('the part that a member gives', () => {
  it.each([
    ['whole MiB between mark and backup table', 10n * GIB, 512n * KIB, 10n * GIB - 3n * MIB],
    ['whole MiB of a size that is none', 10n * GIB + 64n * KIB, 0n, 10n * GIB - 2n * MIB],
    ['whole chunks that are larger', 10n * GIB, 64n * MIB, 10n * GIB - 64n * MIB],
  ])('is %s', (_what, sizeBytes, chunkBytes, room) => {
    expect(roomForMember({ sizeBytes, logicalBlockBytes: 512 }, chunkBytes)).toBe(room);
  });

  it('is that of the smallest for all of them', () => {
    const disks = [disk('a', { sizeBytes: 3n * GIB }), disk('b', { sizeBytes: 2n * GIB }), disk('c')];
    expect(memberBytesOf(disks, 512n * KIB)).toBe(2n * GIB - 3n * MIB);
  });
});

describe('canRunWithout()', () => {
  it.each<[boolean, RaidLevel, number, readonly number[]]>([
    [true, 'raid0', 2, []],
    [false, 'raid0', 4, [3]],
    [true, 'raid1', 3, [0, 2]],
    [false, 'raid1', 2, [0, 1]],
    [true, 'raid10', 4, [0, 2]],
    [true, 'raid10', 4, [1, 2]],
    [false, 'raid10', 4, [0, 1]],
    [false, 'raid10', 4, [0, 2, 3]],
    [true, 'raid10', 2, [1]],
    [true, 'raid10', 3, [2]],
    [false, 'raid10', 3, [0, 2]],
    [true, 'raid10', 5, [0, 2]],
    [false, 'raid10', 5, [1, 2]],
  ])('says %j of a %s of %d without those at %j', (can, level, count, missing) => {
    expect(canRunWithout(level, count, missing)).toBe(can);
  });
});

describe('ranApart()', () => {
  it.each<[boolean, readonly (readonly number[])[]]>([
    [false, []],
    [false, [[0]]],
    [false, [[0], [0, 1]]],
    [true, [[0], [1]]],
    [true, [[0, 1], [0, 1], [2]]],
    [false, [[0, 1, 2], [0, 1], [1]]],
    [
      true,
      [
        [0, 2],
        [1, 3],
      ],
    ],
    [
      false,
      [
        [0, 2, 3],
        [0, 1, 3],
      ],
    ],
  ])('says %j of parts that knew %j', (did, active) => {
    expect(ranApart(active)).toBe(did);
  });
});

describe('gatherDisks()', () => {
  const four = ['d', 'b', 'c', 'a'].map((identity) => disk(identity));

  it.each<[string, Partial<Raid>, boolean, readonly Disk[], readonly string[], string]>([
    ['all when nothing new came', {}, true, four, ['abcd'], ''],
    ['none while something may come', {}, false, four, [], 'dbca'],
    ['none of a single disk', {}, true, four.slice(0, 1), [], 'd'],
    ['as many as are counted, at once', { count: 2 }, false, four, ['ab', 'cd'], ''],
    ['no smaller one of the rest', { count: 3 }, true, four, ['abc'], 'd'],
    ['none of too few', { count: 5 }, true, four, [], 'dbca'],
    [
      'those of one size before those of another',
      { count: 2 },
      false,
      [disk('a', { sizeBytes: 9n * GIB }), disk('b'), disk('c', { sizeBytes: 9n * GIB }), disk('d')],
      ['ac', 'bd'],
      '',
    ],
    [
      'those of one sector size alone',
      {},
      true,
      [disk('a', { logicalBlockBytes: 4096 }), disk('b'), disk('c')],
      ['bc'],
      'a',
    ],
  ])('makes an array of %s', (_what, change, isSettled, disks, groups, left) => {
    const gathered = gatherDisks({ ...RAID, ...change }, disks, isSettled);
    expect(gathered.groups.map(identities)).toEqual(groups);
    expect(identities(gathered.left)).toBe(left);
  });

  it('makes two arrays of more disks than a note can name', () => {
    const disks = Array.from({ length: 40 }, (_, at) => disk(`disk ${at}`));
    expect(gatherDisks(RAID, disks, true).groups.map(({ length }) => length)).toEqual([32, 8]);
  });
});
