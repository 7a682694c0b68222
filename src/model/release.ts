import type { WrittenNote } from './cordon.ts';
import type { DiskBytes } from './disk.ts';
import { encodeGpt } from './gpt.ts';
import { firstTable } from './mark.ts';
import { NOTE_OFFSET } from './note.ts';

/** Sectors are written whole, whatever a power cut does: no disk has smaller ones. */
const SECTOR_BYTES = 512;

/** Where something of a mark stands: just what a short look reads. */
type MarkPlace = { readonly what: 'head' | 'note' | 'tail'; readonly offsetBytes: bigint };
export const MARK_PLACE_BYTES = 64 * 1024;

/** In the order in which a release zeros them: the reverse of taking, so that a mark never counts without its note. */
export function markPlaces(diskBytes: bigint): readonly MarkPlace[] {
  return [
    { what: 'head', offsetBytes: 0n },
    { what: 'tail', offsetBytes: diskBytes - BigInt(MARK_PLACE_BYTES) },
    { what: 'note', offsetBytes: NOTE_OFFSET },
  ];
}

/**
 * Whether a disk shows nothing but what is left of this mark, each of its sectors as it was or zero: as a release leaves
 * it that was cut short anywhere, and as it is before and after one. A mark with a slice is another.
 */
export function isRestOfMark(written: WrittenNote, bytes: DiskBytes): boolean {
  if (bytes.signatures.some(({ usage }) => usage === 'other')) return false;
  return markPlaces(written.note.diskBytes).every(({ what, offsetBytes }) =>
    isRestOf(markBytes(written, offsetBytes), bytes[what]),
  );
}

/** What the mark of a disk without slices has at this place. */
function markBytes({ note, text }: WrittenNote, from: bigint): Uint8Array {
  const bytes = new Uint8Array(MARK_PLACE_BYTES);
  const parts = [
    ...encodeGpt(firstTable(note), note.diskBytes),
    { offset: NOTE_OFFSET, bytes: Buffer.from(text) },
  ];
  for (const part of parts) {
    const at = Number(part.offset - from);
    if (at >= 0 && at + part.bytes.length <= bytes.length) bytes.set(part.bytes, at);
  }
  return bytes;
}

function isRestOf(mark: Uint8Array, found: Uint8Array): boolean {
  for (let at = 0; at < found.length; at += SECTOR_BYTES) {
    const sector = found.subarray(at, at + SECTOR_BYTES);
    const isLeft = Buffer.compare(sector, mark.subarray(at, at + SECTOR_BYTES)) === 0;
    if (!isLeft && sector.some((byte) => byte !== 0)) return false;
  }
  return true;
}
