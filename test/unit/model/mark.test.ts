import { describe, expect, it } from '@jest/globals';
import { GIB, MIB } from '../../../src/model/bytes.ts';
import type { Disk, DiskBytes } from '../../../src/model/disk.ts';
import {
  encodeGpt,
  type Gpt,
  type GptEntry,
  type GptRegion,
  TYPE_MEMBER,
  TYPE_VOLUME,
} from '../../../src/model/gpt.ts';
import {
  firstTable,
  freeNumbers,
  isMade,
  type MarkReading,
  readMark,
  withMade,
} from '../../../src/model/mark.ts';
import type { DiskNote, Note } from '../../../src/model/note.ts';
import {
  preparedAs,
  quarantined,
  withAddedEntry,
  withEntry,
  withoutEntry,
} from '../../../src/model/slice.ts';
import {
  ARRAY_NOTE,
  bytesWith,
  DISK,
  HANDLE,
  LVM_NOTE,
  MEMBER_NOTE,
  NOTE,
  noteWrite,
  OTHER_HANDLE,
  SELF,
  sectorWrites,
  takenBytes,
  type Write,
} from './fixtures.ts';

const DISK_4KN: Disk = { ...DISK, logicalBlockBytes: 4096 };
const FIRST = firstTable(NOTE);
const SLICED = withAddedEntry(FIRST, {
  number: 2,
  type: TYPE_VOLUME,
  uuid: HANDLE,
  startBytes: 2n * MIB,
  sizeBytes: GIB,
  attributes: 0n,
  name: 'fast:1',
});
const SIZE = DISK.sizeBytes;

const read = (bytes: DiskBytes, disk: Disk = DISK): MarkReading => readMark(bytes, disk, SELF);

/** The reading in a word, and which copy is torn. */
function said(reading: MarkReading): string {
  return reading.is === 'ours' ? `ours, torn: ${reading.mark.torn}` : reading.is;
}

const text = (words: string, offset = MIB): Write => ({ offset, bytes: Buffer.from(words) });
const TORN_NOTE = text('instance-store-csi owner mark, format version 1\nThis disk bel');
const NEWER_NOTE = text('instance-store-csi owner mark, format version 3\n');

describe('readMark() of a disk that is being taken', () => {
  const cuts = (sectorBytes: number) => {
    const note = { ...NOTE, sectorBytes };
    const disk = sectorBytes === 512 ? DISK : DISK_4KN;
    const writes = sectorWrites(encodeGpt(firstTable(note), SIZE), sectorBytes);
    return Array.from({ length: writes.length + 1 }, (_, cut) => {
      const reading = read(bytesWith(SIZE, [noteWrite(note), ...writes.slice(0, cut)]), disk);
      return `${writes[cut - 1]?.what ?? 'note'}: ${said(reading)}`;
    });
  };

  it.each([512, 4096])(
    'finds it unfinished, then torn, then ours, cut at any sector of %d bytes',
    (sectorBytes) => {
      expect([...new Set(cuts(sectorBytes))]).toEqual([
        'note: unfinished',
        'backup entries: unfinished',
        'backup header: ours, torn: primary',
        'primary entries: ours, torn: primary',
        'primary header: ours, torn: primary',
        'protective MBR: ours, torn: none',
      ]);
    },
  );

  it('looks at every one of the 131 sectors of the first table', () => {
    expect(cuts(512).length).toBe(132);
  });

  it.each<[string, Partial<DiskBytes>, readonly Write[]]>([
    ['other bytes lie where it was not looked at', { dirtyAt: 'unsampled' }, []],
    ['other bytes lie in the depth', { dirtyAt: 70n * MIB }, []],
    ['other bytes lie in the head', {}, [text('x', 0n)]],
    ['other bytes lie in the tail', {}, [text('x', SIZE - 4096n)]],
    ['other bytes lie among the entries of the backup', {}, [text('x', SIZE - 33n * 512n - 32256n + 600n)]],
  ])('calls the note without a table damaged when %s', (_what, change, writes) => {
    expect(said(read(bytesWith(SIZE, [noteWrite(NOTE), ...writes], change)))).toBe('damaged');
  });
});

describe('readMark() of a table that is being changed', () => {
  const changes: readonly [string, Gpt, Gpt][] = [
    ['added', FIRST, SLICED],
    ['prepared', SLICED, preparedAs(SLICED, 2, 'mount')],
    ['grown', SLICED, withEntry(SLICED, 2, (entry) => ({ ...entry, sizeBytes: 2n * GIB }))],
    ['quarantined', SLICED, quarantined(SLICED, 2, OTHER_HANDLE)],
    ['freed', SLICED, withoutEntry(SLICED, 2)],
  ];

  it.each(changes)(
    'is the old table or the new one while a slice is %s, cut at any sector',
    (_what, from, to) => {
      const before = [noteWrite(NOTE), ...encodeGpt(from, SIZE)];
      const writes = sectorWrites(encodeGpt(to, SIZE), 512);
      const seen = Array.from({ length: writes.length + 1 }, (_, cut) => {
        const reading = read(bytesWith(SIZE, [...before, ...writes.slice(0, cut)]));
        if (reading.is !== 'ours') return reading.is;
        const { table, torn } = reading.mark;
        const which = [from, to].findIndex(
          (known) => JSON.stringify(known, stringified) === JSON.stringify(table, stringified),
        );
        return `${['old', 'new'][which] ?? 'neither'}, torn: ${torn}`;
      });
      expect([...new Set(seen)]).toEqual([
        'old, torn: none',
        'old, torn: backup',
        'new, torn: primary',
        'new, torn: none',
      ]);
    },
  );

  function stringified(_key: string, value: unknown): unknown {
    return typeof value === 'bigint' ? value.toString() : value;
  }
});

describe('readMark()', () => {
  const taken = (change: Partial<DiskNote>): DiskBytes => takenBytes({ ...NOTE, ...change }, SLICED);

  it('reads note and table of a disk of ours', () => {
    expect(read(takenBytes(NOTE, SLICED))).toEqual({
      is: 'ours',
      mark: { note: NOTE, table: SLICED, torn: 'none' },
    });
  });

  it.each<[string, DiskBytes]>([
    ['none', bytesWith(SIZE, [])],
    ['none', bytesWith(SIZE, [text('somebody else')])],
    ['none', bytesWith(SIZE, encodeGpt({ ...SLICED, entries: SLICED.entries.slice(1) }, SIZE))],
    ['torn-note', bytesWith(SIZE, [TORN_NOTE])],
    ['newer', bytesWith(SIZE, [NEWER_NOTE])],
    ['newer', bytesWith(SIZE, [...encodeGpt(SLICED, SIZE), NEWER_NOTE])],
    ['ours, torn: none', taken({})],
    ['ours, torn: none', taken({ node: 'node-b' })],
    ['ours, torn: none', taken({ machine: 'i-of-another-boot' })],
    ['ours, torn: none', taken({ pool: 'renamed', erased: 'f' })],
    ['another-node', taken({ node: 'node-b', machine: 'i-b' })],
    ['another-node', taken({ driver: 'other.csi.dev' })],
    ['another-node', taken({ node: 'node-b', machine: 'i-b', disk: 'other' })],
    ['copied', taken({ disk: 'nvme.of-another-slot' })],
    ['damaged', taken({ sectorBytes: 4096 })],
    ['damaged', taken({ mark: OTHER_HANDLE })],
    ['damaged', takenBytes(NOTE, { ...SLICED, entries: SLICED.entries.slice(1) })],
    ['damaged', bytesWith(SIZE, encodeGpt(SLICED, SIZE))],
    ['damaged', bytesWith(SIZE, [...encodeGpt(SLICED, SIZE), TORN_NOTE])],
    ['damaged', bytesWith(SIZE, [TORN_NOTE], { dirtyAt: 70n * MIB })],
    ['damaged', bytesWith(SIZE, [TORN_NOTE], { dirtyAt: 'unsampled' })],
    ['damaged', bytesWith(SIZE, [TORN_NOTE, text('x', 0n)])],
    ['damaged', bytesWith(SIZE, [TORN_NOTE, text('x', SIZE - 1n)])],
  ])('says %s', (words, bytes) => {
    expect(said(read(bytes))).toBe(words);
  });

  it('calls a mark damaged when the disk has another size than when it was taken', () => {
    const disk = { ...DISK, sizeBytes: SIZE - MIB };
    const writes = [noteWrite(NOTE), ...encodeGpt(SLICED, disk.sizeBytes)];
    expect(said(read(bytesWith(disk.sizeBytes, writes), disk))).toBe('damaged');
  });

  it('calls a mark copied when the disk has no identity of its own', () => {
    expect(said(read(takenBytes(NOTE, SLICED), { ...DISK, identity: undefined }))).toBe('copied');
  });
});

describe.each<[string, Note]>([
  ["an array's member", MEMBER_NOTE],
  ['a disk that LVM carves', LVM_NOTE],
])('readMark() of %s', (_what, note) => {
  const first = firstTable(note);
  const [owner, member] = first.entries;

  it('reads its note and its table, made or not', () => {
    for (const table of [first, withMade(first)]) {
      const mark = { note, table, torn: 'none' };
      expect(read(takenBytes(note, table))).toEqual({ is: 'ours', mark });
    }
    expect([first, withMade(first)].map(isMade)).toEqual([false, true]);
  });

  it('finds it unfinished, then torn, then ours, cut at any sector of its first table', () => {
    const writes = sectorWrites(encodeGpt(first, SIZE), 512);
    const seen = writes.map((_write, cut) =>
      said(read(bytesWith(SIZE, [noteWrite(note), ...writes.slice(0, cut)]))),
    );
    expect([...new Set(seen)]).toEqual(['unfinished', 'ours, torn: primary']);
  });

  it.each<[string, Partial<GptEntry>]>([
    ['is of another type', { type: TYPE_VOLUME }],
    ['is another partition', { uuid: OTHER_HANDLE }],
    ['begins elsewhere', { startBytes: 3n * MIB }],
    ['is smaller', { sizeBytes: MIB }],
    ['has another number', { number: 3 }],
  ])('calls the mark damaged when its partition 2 %s', (_what, change) => {
    if (owner === undefined || member === undefined) throw new Error('a table of two entries is wanted');
    const table = { ...first, entries: [owner, { ...member, ...change }] };
    expect(said(read(takenBytes(note, table)))).toBe('damaged');
  });
});

describe('firstTable() of a device that LVM carves', () => {
  it('gives LVM all but the mark, in whole MiB', () => {
    const [, physical] = firstTable(LVM_NOTE).entries;
    expect(physical).toMatchObject({ number: 2, type: TYPE_MEMBER, startBytes: 2n * MIB });
    expect(physical?.sizeBytes).toBe(SIZE - 3n * MIB);
  });

  it('begins on whole stripes of an array', () => {
    const chunkBytes = 5n * MIB;
    const [, physical] = firstTable({ ...ARRAY_NOTE, carving: 'lvm', chunkBytes }).entries;
    expect(physical?.startBytes).toBe(10n * MIB);
  });
});

describe('readMark() of a disk whose erasing was begun', () => {
  const note = { ...NOTE, erased: 'f'.repeat(64) };
  const foreign: Gpt = { ...SLICED, diskGuid: OTHER_HANDLE, entries: SLICED.entries.slice(1) };

  it.each<[string, string, DiskBytes]>([
    ['erasing', 'old bytes in the depth', bytesWith(SIZE, [noteWrite(note)], { dirtyAt: 70n * MIB })],
    ['erasing', 'old bytes in the head', bytesWith(SIZE, [text('x', 0n), noteWrite(note)])],
    ['erasing', 'the old table', bytesWith(SIZE, [...encodeGpt(foreign, SIZE), noteWrite(note)])],
    ['erasing', 'a depth that was not sampled', bytesWith(SIZE, [noteWrite(note)], { dirtyAt: 'unsampled' })],
    ['unfinished', 'zeros everywhere', bytesWith(SIZE, [noteWrite(note)])],
    ['ours, torn: none', 'its table', takenBytes(note, FIRST)],
  ])('says %s with %s', (words, _what, bytes) => {
    expect(said(read(bytes))).toBe(words);
  });

  it.each<[string, Partial<DiskNote>]>([
    ['another-node', { node: 'node-b', machine: 'i-b' }],
    ['copied', { disk: 'other' }],
    ['damaged', { diskBytes: SIZE + 512n }],
  ])('says %s before it says erasing', (words, change) => {
    expect(said(read(bytesWith(SIZE, [noteWrite({ ...note, ...change })], { dirtyAt: 0n })))).toBe(words);
  });
});

describe('readMark() of a disk of ours that somebody moved into', () => {
  const regions = encodeGpt(SLICED, SIZE);
  const without = (...gone: readonly string[]): readonly GptRegion[] =>
    regions.filter(({ what }) => !gone.includes(what));
  const swap = { signatures: [{ usage: 'other', type: 'swap', at: '4086' }] } as const;

  it.each<[string, string, DiskBytes]>([
    [
      'ours, torn: primary',
      'with the head zeroed',
      bytesWith(SIZE, [noteWrite(NOTE), ...without('primary header', 'primary entries', 'protective MBR')]),
    ],
    [
      'ours, torn: primary',
      'with the first sector zeroed',
      bytesWith(SIZE, [noteWrite(NOTE), ...without('protective MBR')]),
    ],
    [
      'ours, torn: backup',
      'with the tail zeroed',
      bytesWith(SIZE, [noteWrite(NOTE), ...without('backup header', 'backup entries')]),
    ],
    [
      'damaged',
      'with a filesystem over the primary table',
      bytesWith(SIZE, [
        noteWrite(NOTE),
        ...without('primary header', 'primary entries', 'protective MBR'),
        text('a superblock', 1024n),
      ]),
    ],
    [
      'damaged',
      'with a label over the primary header',
      bytesWith(SIZE, [noteWrite(NOTE), ...regions, text('LABELONE', 512n)]),
    ],
    [
      'damaged',
      'with a filesystem behind a zeroed head',
      bytesWith(SIZE, [
        noteWrite(NOTE),
        ...without('primary header', 'primary entries', 'protective MBR'),
        text('a superblock', 65000n),
      ]),
    ],
    [
      'damaged',
      'with a boot sector before the table',
      bytesWith(SIZE, [noteWrite(NOTE), ...without('protective MBR'), text('NTFS', 3n)]),
    ],
    [
      'damaged',
      'with swap over the entries',
      bytesWith(SIZE, [noteWrite(NOTE), ...regions, text('SWAPSPACE2', 4086n)], swap),
    ],
    [
      'damaged',
      'with a superblock of md over the backup',
      bytesWith(SIZE, [noteWrite(NOTE), ...regions, text('md', SIZE - 8192n)], swap),
    ],
  ])('says %s %s: nothing is written over a stranger', (words, _what, bytes) => {
    expect(said(read(bytes))).toBe(words);
  });
});

describe('freeNumbers()', () => {
  it('offers 2 to 255 on a fresh disk: the kernel makes no more nodes', () => {
    const numbers = freeNumbers(FIRST);
    expect([numbers[0], numbers.at(-1), numbers.length]).toEqual([2, 255, 254]);
  });

  it('offers the gap that a freed entry left', () => {
    expect(freeNumbers(SLICED)[0]).toBe(3);
    expect(freeNumbers(withoutEntry(SLICED, 2))[0]).toBe(2);
  });
});
