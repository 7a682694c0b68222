import fc, { type Arbitrary } from 'fast-check';
import { GIB, MIB } from '../../src/model/bytes.ts';
import type { Disk, DiskBytes, Usage } from '../../src/model/disk.ts';
import {
  encodeGpt,
  type Gpt,
  type GptEntry,
  TYPE_MEMBER,
  TYPE_QUARANTINE,
  TYPE_VOLUME,
} from '../../src/model/gpt.ts';
import { firstTable } from '../../src/model/mark.ts';
import { formatVersionOf, type Note } from '../../src/model/note.ts';
import type { DiskMatch, Pool } from '../../src/model/pool.ts';
import { type Uuid, uuid } from '../../src/model/uuid.ts';
import { bytesWith, DISK, NOTE, noteWrite, UNUSED, type Write } from '../unit/model/fixtures.ts';

/** Random values of the model. Most are near what is real: wholly random ones seldom get past the first guard. */

export const anyUuid: Arbitrary<Uuid> = fc.uuid().map(uuid);

const MODELS = [
  'Amazon EC2 NVMe Instance Storage',
  'Amazon Elastic Block Store',
  'nvme_card0',
  'EphemeralDisk',
  '',
];
const word: Arbitrary<string> = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const rarely = <T>(value: Arbitrary<T>, usual: T): Arbitrary<T> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, value);

export const anyDisk: Arbitrary<Disk> = fc
  .record({
    name: fc.nat(99).map((index) => `nvme${index}n1`),
    sizeMib: fc.oneof(fc.bigInt(64n, 100_000n), fc.bigInt(1n, 64n)),
    logicalBlockBytes: fc.constantFrom(512, 4096),
    readOnly: rarely(fc.boolean(), false),
    removable: rarely(fc.boolean(), false),
    transport: fc.constantFrom('nvme', 'scsi', 'virtio', 'loop', 'other'),
    model: fc.oneof(fc.constantFrom(...MODELS), fc.string()),
    serial: word,
    identity: rarely(fc.option(word, { nil: undefined }), 'wwid'),
    byIds: fc.array(word, { maxLength: 2 }),
  })
  .map(({ sizeMib, ...disk }) => ({ ...DISK, ...disk, path: `/dev/${disk.name}`, sizeBytes: sizeMib * MIB }));

export const anyUsage: Arbitrary<Usage> = fc.record({
  root: rarely(fc.boolean(), false),
  mounts: rarely(fc.array(word, { maxLength: 2 }), UNUSED.mounts),
  swaps: rarely(fc.array(word, { maxLength: 2 }), UNUSED.swaps),
  holders: rarely(fc.array(word, { maxLength: 2 }), UNUSED.holders),
});

const anyMatch: Arbitrary<DiskMatch> = fc.oneof(
  fc.constant<DiskMatch>({ preset: 'instance-store' }),
  fc.record({ model: fc.constantFrom('*', 'Amazon*', 'nvme_card?') }),
  fc.record({ path: fc.constantFrom('/dev/nvme?n1', '/dev/nvme*'), transport: fc.constantFrom('nvme', '*') }),
);

export const anyPool: Arbitrary<Pool> = fc.record({
  name: word,
  match: fc.array(anyMatch, { maxLength: 2 }),
  minSizeBytes: fc.constantFrom(0n, GIB),
  eraseAndTake: fc.array(
    fc.record({ disk: fc.constantFrom('wwid', 'other'), found: fc.constantFrom('f', 'g') }),
    { maxLength: 2 },
  ),
  array: fc.constant('none'),
  carving: fc.constantFrom('whole', 'partition', 'lvm'),
  sanitize: fc.constant({ method: 'discard' }),
  sanitizeBytesPerSecond: fc.constant(undefined),
});

/** A note that was written for `disk`, by us or by somebody near us. */
export function anyNoteOf(disk: Disk): Arbitrary<Note> {
  return fc
    .record({
      driver: rarely(word, NOTE.driver),
      node: rarely(word, NOTE.node),
      machine: rarely(word, NOTE.machine),
      pool: word,
      mark: anyUuid,
      ownerPartition: anyUuid,
      disk: rarely(word, disk.identity ?? 'none'),
      carving: fc.constantFrom('whole', 'partition', 'lvm'),
      erased: rarely(fc.constantFrom('f', 'g'), undefined),
    })
    .map((note) => ({
      ...NOTE,
      ...note,
      formatVersion: formatVersionOf(note),
      diskBytes: disk.sizeBytes,
      sectorBytes: disk.logicalBlockBytes,
      members: [note.disk],
    }));
}

/** The first table of `note` with slices behind it, as our own writes or other hands may have left them. */
export function anyGptOf(note: Note): Arbitrary<Gpt> {
  const slice = fc.record({
    number: fc.integer({ min: 2, max: 255 }),
    type: fc.constantFrom(TYPE_VOLUME, TYPE_QUARANTINE, TYPE_MEMBER),
    uuid: anyUuid,
    gapBytes: fc.bigInt(0n, 50n).map((gap) => gap * MIB),
    sizeBytes: fc.bigInt(1n, 500n).map((size) => size * MIB),
    attributes: fc.bigInt(0n, 2n ** 64n - 1n),
    name: fc.oneof(fc.constant('fast:1'), fc.string({ maxLength: 36 })),
  });
  const slices = fc.uniqueArray(slice, { selector: ({ number }) => number, maxLength: 5 });
  return slices.map((wishes) => {
    const first = firstTable(note);
    const placed: GptEntry[] = [...first.entries];
    let end = 2n * MIB;
    for (const { gapBytes, ...wish } of wishes) {
      const startBytes = end + gapBytes;
      if (startBytes + wish.sizeBytes > first.usableEndBytes) continue;
      placed.push({ ...wish, startBytes });
      end = startBytes + wish.sizeBytes;
    }
    return { ...first, entries: placed.toSorted((a, b) => a.number - b.number) };
  });
}

export const anyGpt: Arbitrary<Gpt> = anyDisk.chain(anyNoteOf).chain(anyGptOf);

/** Bytes of a disk: zeros, or ours, whole or cut short or scribbled on, or anything. */
export function anyBytesOf(disk: Disk): Arbitrary<DiskBytes> {
  const blank = fc.constant<readonly Write[]>([]);
  const noted = anyNoteOf(disk).map((note) => [noteWrite(note)]);
  const taken = anyNoteOf(disk).chain((note) => anyGptOf(note).chain((table) => cutWrites(note, table)));
  const scribbles = fc.array(anyWriteOf(disk), { maxLength: 2 });
  return fc
    .record({
      writes: fc.tuple(fc.oneof(blank, noted, taken), rarely(scribbles, [])).map((both) => both.flat()),
      change: fc.record({
        exclusive: rarely<DiskBytes['exclusive']>(fc.constantFrom('free', 'busy', 'unasked'), 'free'),
        dirtyAt: rarely<DiskBytes['dirtyAt']>(
          fc.oneof(fc.bigInt(0n, disk.sizeBytes), fc.constant('unsampled')),
          'none',
        ),
        fingerprint: fc.constantFrom(undefined, 'f', 'g'),
        signatures: rarely(
          fc.array(fc.record({ usage: fc.constantFrom('table', 'other'), type: word, at: word }), {
            maxLength: 2,
          }),
          [],
        ),
      }),
    })
    .map(({ writes, change }) => bytesWith(disk.sizeBytes, writes, change));
}

function cutWrites(note: Note, table: Gpt): Arbitrary<readonly Write[]> {
  const writes = [noteWrite(note), ...encodeGpt(table, note.diskBytes)];
  return rarely(fc.nat(writes.length), writes.length).map((cut) => writes.slice(0, cut));
}

/** A few bytes in one of the places that the probe hands over. */
function anyWriteOf(disk: Disk): Arbitrary<Write> {
  return fc.record({
    offset: fc
      .tuple(fc.constantFrom(0n, MIB, disk.sizeBytes - 65536n), fc.bigInt(0n, 65536n - 32n))
      .map(([region, at]) => region + at),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 32 }),
  });
}

export const anyDiskBytes: Arbitrary<DiskBytes> = anyDisk.chain(anyBytesOf);
