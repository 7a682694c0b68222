import { describe, expect, it } from '@jest/globals';
import { ABSENT } from '../../../src/model/answer.ts';
import { MIB } from '../../../src/model/bytes.ts';
import type { DiskBytes } from '../../../src/model/disk.ts';
import { encodeGpt, parseGpt } from '../../../src/model/gpt.ts';
import { judge } from '../../../src/model/judge.ts';
import { firstTable, readMark } from '../../../src/model/mark.ts';
import { decodeNote, encodeNote, isMember } from '../../../src/model/note.ts';
import { DEFAULT_CONFIGURATION, type Self } from '../../../src/model/pool.ts';
import { bytesOf, diskOf, IMAGES, NEWER } from '../../golden/images.ts';
import { UNUSED } from './fixtures.ts';

const SELF: Self = {
  driver: 'instance-store.csi.dev',
  node: 'node-a.example',
  machine: 'i-0123456789abcdef0',
};

const at = (bytes: DiskBytes, diskBytes: bigint, offset: bigint, length: number): Uint8Array => {
  const tailAt = diskBytes - BigInt(bytes.tail.length);
  const [from, part] =
    offset >= tailAt ? [tailAt, bytes.tail] : offset >= MIB ? [MIB, bytes.note] : [0n, bytes.head];
  return part.subarray(Number(offset - from), Number(offset - from) + length);
};

describe.each(IMAGES)('the golden image of $what ($folder)', ({ folder, note, table }) => {
  const bytes = bytesOf(folder);
  const disk = diskOf(note);

  it('is read as ours, with its note and its table', () => {
    expect(readMark(bytes, disk, SELF)).toEqual({ is: 'ours', mark: { note, table, torn: 'none' } });
  });

  it('is judged ours', () => {
    const facts = { disk, usage: UNUSED, content: { is: 'read', bytes } as const, twins: [], cordon: ABSENT };
    expect(judge(facts, DEFAULT_CONFIGURATION.pools, SELF)).toEqual({
      is: isMember(note) ? 'member' : 'owned',
      mark: { note, table, torn: 'none' },
    });
  });

  it('bears the note that encodeNote() writes, byte for byte', () => {
    const written = encodeNote(note);
    expect(at(bytes, note.diskBytes, MIB, written.length)).toEqual(Buffer.from(written));
  });

  it.each(encodeGpt(table, note.diskBytes))(
    'bears the $what that encodeGpt() writes, byte for byte',
    (region) => {
      const found = at(bytes, note.diskBytes, region.offset, region.bytes.length);
      expect(Buffer.compare(found, region.bytes)).toBe(0);
    },
  );
});

describe('the golden image of a disk that was just taken', () => {
  it('bears the table that firstTable() makes of its note', () => {
    const [taken] = IMAGES;
    expect(taken && firstTable(taken.note)).toEqual(taken?.table);
  });
});

describe('the golden image of a newer format version', () => {
  const bytes = bytesOf(NEWER.folder);
  const disk = diskOf(NEWER.note);
  const pools = DEFAULT_CONFIGURATION.pools.map((pool) => ({ ...pool, minSizeBytes: 0n }));

  it('is whole: only its version keeps us away', () => {
    expect(decodeNote(bytes.note)).toEqual({ is: 'newer', version: NEWER.version });
    expect(parseGpt(bytes.head, bytes.tail, 512, disk.sizeBytes)).toMatchObject({
      primary: { is: 'whole' },
      backup: { is: 'whole' },
    });
  });

  it.each(['none', 'unsampled'] as const)('is refused untouched, its depth being %s', (dirtyAt) => {
    const facts = {
      disk,
      usage: UNUSED,
      content: { is: 'read', bytes: { ...bytes, dirtyAt } } as const,
      twins: [],
      cordon: ABSENT,
    };
    expect(judge(facts, pools, SELF)).toMatchObject({ is: 'refused', first: { reason: 'newer mark' } });
  });
});
