import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatBytes, parseSize } from '../../src/model/bytes.ts';
import { glob } from '../../src/model/match.ts';
import { decodeNote, encodeNote } from '../../src/model/note.ts';
import { decodeRecord, encodeRecord, type VolumeRecord } from '../../src/model/record.ts';
import { nextGeneration, slicesOf } from '../../src/model/slice.ts';
import { handleFor, isHandleOf, parseUuid } from '../../src/model/uuid.ts';
import { ACCESS_MODES, FS_TYPES } from '../../src/model/volume.ts';
import { DISK, noteWrite } from '../unit/model/fixtures.ts';
import { anyGpt, anyNoteOf, anyUuid } from './arbitraries.ts';

const anyText = fc.string({ unit: 'binary' });
const anyBytes = fc.uint8Array({ maxLength: 9000 });

const anyRecord: fc.Arbitrary<VolumeRecord> = fc.record({
  formatVersion: fc.constant(1),
  state: fc.constantFrom('planned', 'committed', 'deleted'),
  handle: anyUuid,
  name: anyText,
  pool: anyText,
  requiredBytes: fc.option(fc.bigInt(0n, 2n ** 63n - 1n), { nil: undefined }),
  limitBytes: fc.option(fc.bigInt(0n, 2n ** 63n - 1n), { nil: undefined }),
  capabilities: fc.array(
    fc.record({
      mode: fc.constantFrom(...ACCESS_MODES),
      access: fc.oneof(
        fc.constant({ type: 'block' as const }),
        fc.record({
          type: fc.constant('mount' as const),
          fsType: fc.constantFrom(...FS_TYPES),
          mountFlags: fc.array(anyText),
        }),
      ),
    }),
  ),
  mkfsOptions: fc.array(anyText),
  mark: anyUuid,
  generation: fc.nat(),
  sizeBytes: fc.bigInt(0n, 2n ** 63n - 1n),
  disk: anyText,
  slot: anyText,
  createdAt: anyText,
  array: fc.option(
    fc.record({
      level: fc.constantFrom('raid0', 'raid1', 'raid10'),
      members: fc.array(fc.record({ disk: anyText, slot: anyText })),
    }),
    { nil: undefined },
  ),
  claim: fc.option(fc.record({ namespace: anyText, name: anyText, volume: anyText }), { nil: undefined }),
});

describe('decodeNote()', () => {
  it('survives any bytes', () => {
    fc.assert(fc.property(anyBytes, (bytes) => void decodeNote(bytes)));
  });

  it('reads back every note', () => {
    fc.assert(
      fc.property(anyNoteOf(DISK), (note) => {
        expect(decodeNote(encodeNote(note))).toEqual({ is: 'note', note });
      }),
    );
  });

  it('never reads a note with other bytes in it as a note, whatever they are', () => {
    fc.assert(
      fc.property(
        anyNoteOf(DISK),
        fc.nat(600),
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        (note, at, other) => {
          const bytes = Uint8Array.from(noteWrite(note).bytes);
          const same = Buffer.compare(bytes.subarray(at, at + other.length), other) === 0;
          bytes.set(other, at);
          expect(decodeNote(bytes).is === 'note').toBe(same);
        },
      ),
    );
  });
});

describe('decodeRecord()', () => {
  it('survives any text and any JSON', () => {
    fc.assert(fc.property(fc.oneof(anyText, fc.json()), (text) => void decodeRecord(text)));
  });

  it('reads back every record', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(decodeRecord(encodeRecord(record))).toEqual(record);
      }),
    );
  });

  it('survives any value in the place of any field', () => {
    fc.assert(
      fc.property(anyRecord, fc.jsonValue(), fc.nat(14), (record, value, which) => {
        const raw = JSON.parse(encodeRecord(record)) as Record<string, unknown>;
        const key = Object.keys(raw)[which % Object.keys(raw).length] ?? 'name';
        const decoded = decodeRecord(JSON.stringify({ ...raw, [key]: value }));
        expect(decoded === undefined || decodeRecord(encodeRecord(decoded)) !== undefined).toBe(true);
      }),
    );
  });
});

describe('slicesOf()', () => {
  it('reads whatever the names of entries say, and the next generation is above them all', () => {
    fc.assert(
      fc.property(anyGpt, (table) => {
        const generations = slicesOf(table).map(({ generation }) => generation);
        expect(generations.every((generation) => Number.isSafeInteger(generation) && generation >= 0)).toBe(
          true,
        );
        expect(generations.every((generation) => generation < nextGeneration(table))).toBe(true);
      }),
    );
  });
});

describe('parseSize()', () => {
  it('survives any text, and gives sizes only', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.stringMatching(/^-?[0-9.]*[a-zA-Z]*$/)), (text) => {
        expect(parseSize(text) ?? 0n).toBeGreaterThanOrEqual(0n);
      }),
    );
  });

  it('reads every plain number as itself', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 63n - 1n), (bytes) => {
        expect(parseSize(bytes.toString())).toBe(bytes);
      }),
    );
  });
});

describe('formatBytes()', () => {
  it('shows at most four digits before the point, and a unit', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 1024n ** 6n), (bytes) => {
        expect(formatBytes(bytes)).toMatch(/^[0-9]{1,4}(\.[0-9])? ([KMGTP]i)?B$/);
      }),
    );
  });
});

describe('parseUuid() and handleFor()', () => {
  it('survives any text', () => {
    fc.assert(fc.property(anyText, (text) => void parseUuid(text)));
  });

  it('makes a UUID of version 8 of any names, and knows its own', () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, (driver, node, name) => {
        const handle = handleFor(driver, node, name);
        expect(parseUuid(handle)).toBe(handle);
        expect(handle[14]).toBe('8');
        expect(isHandleOf(handle, driver, node)).toBe(true);
        expect(isHandleOf(handle, driver, `${node}.`)).toBe(false);
      }),
    );
  });
});

describe('glob()', () => {
  it('survives any pattern, and a text without wildcards fits itself alone', () => {
    fc.assert(
      fc.property(anyText, anyText, (pattern, text) => {
        const plain = pattern.replace(/[*?]/g, '_');
        expect(glob(plain, plain)).toBe(true);
        expect(glob(plain, `${plain}x`)).toBe(false);
        expect(glob('*', text)).toBe(true);
        expect(typeof glob(pattern, text)).toBe('boolean');
      }),
    );
  });
});
