import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodeGpt, type Gpt, type GptEntry, parseGpt, usableRange } from '../../src/model/gpt.ts';
import { type Uuid, uuid } from '../../src/model/uuid.ts';

const END_BYTES = 64 * 1024;
const MIB = 1024n ** 2n;

type Made = { readonly table: Gpt; readonly diskBytes: bigint };

const sectorBytes = fc.constantFrom(512, 4096);
const someUuid: fc.Arbitrary<Uuid> = fc.uuid().map(uuid);

/** UTF-16 units as the table stores them, lone surrogates too; a NUL ends the name. */
const name = fc
  .array(fc.integer({ min: 1, max: 0xffff }), { maxLength: 36 })
  .map((units) => String.fromCharCode(...units));

const piece = fc.record({
  number: fc.integer({ min: 1, max: 256 }),
  gap: fc.bigInt(0n, 1000n),
  size: fc.bigInt(1n, 10_000n),
  type: someUuid,
  uuid: someUuid,
  attributes: fc.bigInt(0n, 2n ** 64n - 1n),
  name,
});

const made: fc.Arbitrary<Made> = fc
  .record({
    sectorBytes,
    diskGuid: someUuid,
    restBytes: fc.bigInt(0n, 2n ** 44n),
    pieces: fc.uniqueArray(piece, { maxLength: 40, selector: ({ number }) => number }),
  })
  .map(({ sectorBytes, diskGuid, restBytes, pieces }) => {
    const sector = BigInt(sectorBytes);
    const entries: GptEntry[] = [];
    let at = MIB;
    for (const { gap, size, ...more } of pieces) {
      entries.push({ ...more, startBytes: at + gap * sector, sizeBytes: size * sector });
      at += (gap + size) * sector;
    }
    const diskBytes = at + MIB + (restBytes / sector) * sector;
    const { start, end } = usableRange(diskBytes, sectorBytes);
    const sorted = entries.toSorted((a, b) => a.number - b.number);
    const table = { diskGuid, sectorBytes, firstUsableBytes: start, usableEndBytes: end, entries: sorted };
    return { table, diskBytes };
  });

function endsOf({ table, diskBytes }: Made) {
  const head = new Uint8Array(END_BYTES);
  const tail = new Uint8Array(END_BYTES);
  for (const { offset, bytes } of encodeGpt(table, diskBytes)) {
    if (offset < BigInt(END_BYTES)) head.set(bytes, Number(offset));
    else tail.set(bytes, Number(offset - diskBytes) + END_BYTES);
  }
  return { head, tail };
}

describe('parseGpt()', () => {
  it('gives back what encodeGpt() was given, out of either copy', () => {
    fc.assert(
      fc.property(made, (one) => {
        const { head, tail } = endsOf(one);
        const copies = parseGpt(head, tail, one.table.sectorBytes, one.diskBytes);
        expect(copies.protectiveMbr).toBe(true);
        expect(copies.primary).toMatchObject({ is: 'whole', table: one.table });
        expect(copies.backup).toMatchObject({ is: 'whole', table: one.table });
      }),
    );
  });

  it('never takes a table for whole whose bytes were changed', () => {
    const where = fc.record({
      copy: fc.constantFrom('head', 'tail'),
      at: fc.nat(END_BYTES - 1),
      bit: fc.nat(7),
    });
    fc.assert(
      fc.property(made, fc.array(where, { minLength: 1, maxLength: 3 }), (one, flips) => {
        const ends = endsOf(one);
        for (const { copy, at, bit } of flips) {
          const bytes = copy === 'head' ? ends.head : ends.tail;
          bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        }
        const copies = parseGpt(ends.head, ends.tail, one.table.sectorBytes, one.diskBytes);
        for (const copy of [copies.primary, copies.backup]) {
          if (copy.is === 'whole') expect(copy.table).toEqual(one.table);
        }
      }),
    );
  });

  it('survives any bytes, also behind a right beginning', () => {
    const bytes = fc.uint8Array({ maxLength: 8192 });
    const prefix = fc.constantFrom('', 'EFI PART', 'EFI PART\0\0\u0001\0\\\0\0\0');
    fc.assert(
      fc.property(
        bytes,
        bytes,
        prefix,
        sectorBytes,
        fc.bigInt(0n, 2n ** 64n),
        (head, tail, text, sector, size) => {
          head.set(
            Buffer.from(text, 'latin1').subarray(0, Math.max(0, head.length - sector)),
            Math.min(sector, head.length),
          );
          const { primary, backup } = parseGpt(head, tail, sector, size);
          expect([primary.is, backup.is]).not.toContain('whole');
        },
      ),
    );
  });
});
