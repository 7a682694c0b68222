import { describe, expect, it } from '@jest/globals';
import { MIB } from '../../../src/model/bytes.ts';
import type { DiskBytes } from '../../../src/model/disk.ts';
import { encodeGpt, TYPE_VOLUME } from '../../../src/model/gpt.ts';
import { firstTable } from '../../../src/model/mark.ts';
import { type DiskNote, encodeNote } from '../../../src/model/note.ts';
import { isRestOfMark, MARK_PLACE_BYTES, markPlaces } from '../../../src/model/release.ts';
import { withAddedEntry } from '../../../src/model/slice.ts';
import { uuid } from '../../../src/model/uuid.ts';
import { bytesWith, NOTE, noteWrite, sectorWrites, takenBytes } from './fixtures.ts';

const NOTES: readonly DiskNote[] = [NOTE, { ...NOTE, sectorBytes: 4096 }];

describe.each(NOTES)('isRestOfMark() with sectors of $sectorBytes bytes', (note) => {
  const written = { note, text: Buffer.from(encodeNote(note)).toString('utf8') };
  const sectors = sectorWrites(
    [...encodeGpt(firstTable(note), note.diskBytes), { what: 'note', ...noteWrite(note) }],
    512,
  );

  it('is true of the whole mark and of zeros', () => {
    expect(isRestOfMark(written, takenBytes(note, firstTable(note)))).toBe(true);
    expect(isRestOfMark(written, bytesWith(note.diskBytes, []))).toBe(true);
  });

  it('is true whichever sectors are zero already, as a disk loses what was not flushed in any order', () => {
    for (let at = 0; at <= sectors.length; at += 1) {
      expect(isRestOfMark(written, bytesWith(note.diskBytes, sectors.slice(at)))).toBe(true);
      expect(
        isRestOfMark(
          written,
          bytesWith(
            note.diskBytes,
            sectors.filter((_, one) => one % 7 !== at % 7),
          ),
        ),
      ).toBe(true);
    }
  });

  const slice = {
    number: 2,
    type: TYPE_VOLUME,
    uuid: uuid('0a1b2c3d-4e5f-8123-9abc-def012345678'),
    startBytes: 2n * MIB,
    sizeBytes: 4n * MIB,
    attributes: 0n,
    name: 'fast:1',
  };
  const taken = takenBytes(note, firstTable(note));
  const changed = (part: 'head' | 'note' | 'tail', at: number): DiskBytes => {
    const bytes = Uint8Array.from(taken[part]);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return { ...taken, [part]: bytes };
  };
  it.each<[string, DiskBytes]>([
    ['a table with a slice', takenBytes(note, withAddedEntry(firstTable(note), slice))],
    [
      'another taking of the same disk',
      takenBytes({ ...note, mark: uuid('11111111-2222-4333-8444-666666666666') }, firstTable(note)),
    ],
    ['a filesystem on it', { ...taken, signatures: [{ usage: 'other', type: 'btrfs', at: '65600' }] }],
    ['a byte of the head that we did not write', changed('head', 0)],
    ['a byte of the note that we did not write', changed('note', 60000)],
    ['a byte of the tail that we did not write', changed('tail', 65535)],
  ])('is false of %s', (_, bytes) => {
    expect(isRestOfMark(written, bytes)).toBe(false);
  });
});

describe('markPlaces()', () => {
  it('names what a short look reads, the note last', () => {
    expect(markPlaces(NOTE.diskBytes)).toEqual([
      { what: 'head', offsetBytes: 0n },
      { what: 'tail', offsetBytes: NOTE.diskBytes - BigInt(MARK_PLACE_BYTES) },
      { what: 'note', offsetBytes: MIB },
    ]);
  });
});
