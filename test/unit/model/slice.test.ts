import { describe, expect, it } from '@jest/globals';
import { MIB } from '../../../src/model/bytes.ts';
import {
  ATTR_BLOCK,
  ATTR_PREPARED,
  type GptEntry,
  TYPE_MEMBER,
  TYPE_QUARANTINE,
  TYPE_VOLUME,
} from '../../../src/model/gpt.ts';
import { firstTable } from '../../../src/model/mark.ts';
import {
  entryOfSlice,
  nextGeneration,
  preparedAs,
  quarantined,
  sliceLabel,
  slicesOf,
  withAddedEntry,
  withEntry,
  withoutEntry,
} from '../../../src/model/slice.ts';
import { HANDLE, NOTE, OTHER_HANDLE } from './fixtures.ts';

const ENTRY: GptEntry = {
  number: 2,
  type: TYPE_VOLUME,
  uuid: HANDLE,
  startBytes: 2n * MIB,
  sizeBytes: 100n * MIB,
  attributes: 0n,
  name: 'fast:7',
};
const EMPTY = firstTable(NOTE);
const tableWith = (change: Partial<GptEntry>) => withAddedEntry(EMPTY, { ...ENTRY, ...change });

describe('entryOfSlice()', () => {
  it('is never an entry of another type that bears the same PARTUUID', () => {
    const stranger = { ...ENTRY, number: 2, type: TYPE_MEMBER };
    const own = { ...ENTRY, number: 3, startBytes: 200n * MIB };
    expect(entryOfSlice(withAddedEntry(withAddedEntry(EMPTY, stranger), own), HANDLE)).toEqual(own);
    expect(entryOfSlice(withAddedEntry(EMPTY, stranger), HANDLE)).toBeUndefined();
  });
});

describe('slicesOf()', () => {
  it('reads an entry as a slice', () => {
    expect(slicesOf(tableWith({}))).toEqual([
      {
        state: 'carved',
        id: HANDLE,
        place: 'partition 2',
        pool: 'fast',
        generation: 7,
        sizeBytes: 100n * MIB,
        block: false,
      },
    ]);
  });

  it.each<[string, Partial<GptEntry>, object]>([
    ['prepared by bit 48', { attributes: ATTR_PREPARED }, { state: 'prepared', block: false }],
    [
      'prepared as block by bit 49',
      { attributes: ATTR_PREPARED | ATTR_BLOCK },
      { state: 'prepared', block: true },
    ],
    ['carved whatever other bits say', { attributes: 1n | (1n << 63n) }, { state: 'carved' }],
    [
      'quarantined by its type, whatever its bits say',
      { type: TYPE_QUARANTINE, attributes: ATTR_PREPARED },
      { state: 'quarantine' },
    ],
    ['of generation 0 without one', { name: 'fast' }, { pool: 'fast', generation: 0 }],
    ['of generation 0 with words for one', { name: 'fast:Infinity' }, { generation: 0 }],
    ['of generation 0 with a fraction for one', { name: 'fast:1.5' }, { generation: 0 }],
    ['of generation 0 with a sign before one', { name: 'fast:-3' }, { generation: 0 }],
  ])('calls a slice %s', (_what, change, expected) => {
    expect(slicesOf(tableWith(change))).toMatchObject([expected]);
  });

  it('leaves out the owner partition and members of arrays', () => {
    expect(slicesOf(tableWith({ type: TYPE_MEMBER }))).toEqual([]);
  });
});

describe('nextGeneration()', () => {
  it('is 1 on a fresh disk and above every slice later, quarantined ones too', () => {
    const table = withAddedEntry(tableWith({}), {
      ...ENTRY,
      number: 3,
      type: TYPE_QUARANTINE,
      name: sliceLabel('fast', 41),
    });
    expect([nextGeneration(EMPTY), nextGeneration(table)]).toEqual([1, 42]);
  });
});

describe('changes of a table', () => {
  const table = withAddedEntry(tableWith({ number: 5 }), { ...ENTRY, number: 3, uuid: OTHER_HANDLE });

  it('withAddedEntry() keeps the entries in the order of their numbers', () => {
    expect(table.entries.map(({ number }) => number)).toEqual([1, 3, 5]);
  });

  it('withoutEntry() takes out that entry alone', () => {
    expect(withoutEntry(table, 3).entries.map(({ number }) => number)).toEqual([1, 5]);
  });

  it('withEntry() changes that entry alone', () => {
    const changed = withEntry(table, 5, (entry) => ({ ...entry, sizeBytes: 1n }));
    expect(changed.entries.map(({ sizeBytes }) => sizeBytes)).toEqual([MIB, 100n * MIB, 1n]);
  });

  it('quarantined() takes type, id and bits away and leaves the range', () => {
    const before = preparedAs(table, 5, 'block');
    const [, , entry] = quarantined(before, 5, OTHER_HANDLE).entries;
    expect(entry).toEqual({ ...ENTRY, number: 5, type: TYPE_QUARANTINE, uuid: OTHER_HANDLE, attributes: 0n });
  });

  it.each([
    ['mount', ATTR_PREPARED],
    ['block', ATTR_PREPARED | ATTR_BLOCK],
  ] as const)('preparedAs() sets the bits of a %s volume and keeps the others', (type, bits) => {
    const [, entry] = preparedAs(tableWith({ attributes: 4n }), 2, type).entries;
    expect(entry?.attributes).toBe(bits | 4n);
  });
});
