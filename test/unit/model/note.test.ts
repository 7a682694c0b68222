import { describe, expect, it } from '@jest/globals';
import { type DiskNote, decodeNote, encodeNote, NOTE_BYTES_MAX, type Note } from '../../../src/model/note.ts';
import { ARRAY_NOTE, LVM_NOTE, MEMBER_NOTE, NOTE } from './fixtures.ts';

const textOf = (note: Note): string => Buffer.from(encodeNote(note)).toString('utf8').replace(/\0+$/, '');
const bytes = (text: string): Uint8Array => Buffer.from(`${text}\0\0\0`);

describe('encodeNote()', () => {
  it('begins with words for a person: what it is, whose the disk is, what to run', () => {
    const [title, whose, what] = textOf(NOTE).split('\n');
    expect(title).toBe('instance-store-csi owner mark, format version 1');
    expect(whose).toBe(
      'This disk belongs to the CSI driver instance-store.csi.dev on node node-a, pool fast.',
    );
    expect(what).toContain('instance-store-csi status');
  });

  it('says of a member that it is one of several', () => {
    const [title, , what] = textOf(MEMBER_NOTE).split('\n');
    expect(title).toBe('instance-store-csi owner mark, format version 2');
    expect(what).toContain('one of 2 disks of an array, raid0');
  });

  it('fills whole blocks of 4 KiB', () => {
    expect(encodeNote(NOTE).length).toBe(4096);
    expect(encodeNote({ ...NOTE, members: Array(60).fill('x'.repeat(60)) }).length).toBe(8192);
  });

  it('refuses a note that its place cannot hold', () => {
    expect(() => encodeNote({ ...NOTE, pool: 'x'.repeat(NOTE_BYTES_MAX) })).toThrow(RangeError);
  });
});

describe('decodeNote()', () => {
  it.each<Partial<DiskNote>>([
    {},
    { carving: 'whole' },
    { sectorBytes: 4096 },
    { diskBytes: 9007199254740993n },
    { members: ['a', 'b'] },
    { pool: 'brackets {of} "every" kind', node: 'knoten-ä' },
    { erased: 'f'.repeat(64) },
  ])('reads back what encodeNote() wrote with %j', (change) => {
    const note = { ...NOTE, ...change };
    expect(decodeNote(encodeNote(note))).toEqual({ is: 'note', note });
  });

  it.each<[string, Note]>([
    ['a disk that LVM carves', LVM_NOTE],
    ['a member', MEMBER_NOTE],
    ['a replacement in a mirror', { ...MEMBER_NOTE, array: 'raid1', chunkBytes: 0n, revision: 7 }],
    ['an array', ARRAY_NOTE],
    ['an array that is being erased', { ...ARRAY_NOTE, array: 'raid10', erased: 'f'.repeat(64) }],
  ])('reads back what encodeNote() wrote of %s', (_what, note) => {
    expect(decodeNote(encodeNote(note))).toEqual({ is: 'note', note });
  });

  it.each([
    ['zeros', new Uint8Array(4096)],
    ['nothing', new Uint8Array(0)],
    ["somebody else's text", bytes('hello')],
    ['our text behind other bytes', bytes(` ${textOf(NOTE)}`)],
  ])('finds none in %s', (_what, found) => {
    expect(decodeNote(found)).toEqual({ is: 'none' });
  });

  it('calls every note that was cut short torn, at whatever byte behind its title', () => {
    const text = textOf(NOTE);
    const title = 'instance-store-csi owner mark, format version '.length;
    const readings = Array.from(
      { length: text.length - title },
      (_, at) => decodeNote(bytes(text.slice(0, title + at))).is,
    );
    expect(new Set(readings)).toEqual(new Set(['torn']));
  });

  it('calls a note torn whichever of its bytes changed behind the version', () => {
    const whole = encodeNote(NOTE);
    const from = textOf(NOTE).indexOf('\n');
    const readings = Array.from({ length: textOf(NOTE).length - from }, (_, at) => {
      const changed = Uint8Array.from(whole);
      changed[from + at] = (changed[from + at] ?? 0) ^ 1;
      return decodeNote(changed).is;
    });
    expect(new Set(readings)).toEqual(new Set(['torn']));
  });

  it.each<[string, object]>([
    ['no mark', { mark: undefined }],
    ['a mark that is no UUID', { mark: 'x' }],
    ['no owner partition', { ownerPartition: undefined }],
    ['an array of another level', { array: 'raid5' }],
    ['an unknown carving', { carving: 'loaf' }],
    ['members that are no texts', { members: [1] }],
    ['members that are no list', { members: 'a' }],
    ['sectors in words', { sectorBytes: 'small' }],
    ['no driver', { driver: '' }],
    ['no machine', { machine: undefined }],
    ['an array in the first format', { array: 'raid0' }],
    ['a carving in the first format that came later', { carving: 'lvm' }],
    ['a carving of the first format in a later one', { formatVersion: 2 }],
  ])('calls a note with %s torn although its checksum is right', (_what, change) => {
    expect(decodeNote(encodeNote({ ...NOTE, ...change } as Note)).is).toBe('torn');
  });

  it.each<[string, object]>([
    ['no array', { array: 'none' }],
    ['an array of another level', { array: 'raid5' }],
    ['no role', { role: undefined }],
    ['no array UUID', { arrayUuid: 'x' }],
    ['no size of its part', { memberBytes: undefined }],
    ['a chunk in words', { chunkBytes: 'small' }],
    ['half a revision', { revision: 1.5 }],
    ['no revision', { revision: undefined }],
    ['the first format', { formatVersion: 1 }],
  ])('calls the note of a member with %s torn although its checksum is right', (_what, change) => {
    expect(decodeNote(encodeNote({ ...MEMBER_NOTE, ...change } as Note)).is).toBe('torn');
  });

  it.each([
    ['whole', 3, textOf({ ...NOTE, formatVersion: 3 as 1 })],
    ['of a form we cannot know', 17, 'instance-store-csi owner mark, format version 17\nCBOR follows'],
  ])('names the version of a newer note, %s', (_what, version, text) => {
    expect(decodeNote(bytes(text))).toEqual({ is: 'newer', version });
  });
});
