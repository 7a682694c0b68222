import { ABSENT } from '../../../src/model/answer.ts';
import { GIB, MIB } from '../../../src/model/bytes.ts';
import type { Disk, DiskBytes, Usage } from '../../../src/model/disk.ts';
import { encodeGpt, type Gpt, type GptRegion } from '../../../src/model/gpt.ts';
import type { DiskFacts } from '../../../src/model/judge.ts';
import {
  type ArrayNote,
  type DiskNote,
  encodeNote,
  type MemberNote,
  NOTE_OFFSET,
  type Note,
} from '../../../src/model/note.ts';
import type { Pool, Self } from '../../../src/model/pool.ts';
import { uuid } from '../../../src/model/uuid.ts';

/** A blank EC2 instance-store disk that one pool matches; tests change what they are about. */

export const SELF: Self = {
  driver: 'instance-store.csi.dev',
  node: 'node-a',
  machine: 'i-0123456789abcdef0',
};

export const POOL: Pool = {
  name: 'fast',
  match: [{ preset: 'instance-store' }],
  minSizeBytes: GIB,
  eraseAndTake: [],
  array: 'none',
  carving: 'partition',
  sanitize: { method: 'discard' },
  sanitizeBytesPerSecond: undefined,
};

export const DISK: Disk = {
  name: 'nvme1n1',
  path: '/dev/nvme1n1',
  majorMinor: '259:1',
  diskSeq: '7',
  sysPath: '/devices/pci0000:00/0000:00:1f.0/nvme/nvme1/nvme1n1',
  sizeBytes: 10n * GIB,
  logicalBlockBytes: 512,
  readOnly: false,
  removable: false,
  transport: 'nvme',
  model: 'Amazon EC2 NVMe Instance Storage',
  serial: 'AWS0123456789ABCDEF0',
  identity: 'nvme.1d0f-4157533031-01',
  byIds: [],
  holders: [],
  partitions: [],
  array: undefined,
};

export const UNUSED: Usage = { root: false, mounts: [], swaps: [], holders: [] };

export const NOTE: DiskNote = {
  formatVersion: 1,
  driver: SELF.driver,
  pool: POOL.name,
  node: SELF.node,
  machine: SELF.machine,
  mark: uuid('11111111-2222-4333-8444-555555555555'),
  ownerPartition: uuid('99999999-8888-4777-a666-555555555555'),
  disk: DISK.identity ?? '',
  diskBytes: DISK.sizeBytes,
  sectorBytes: DISK.logicalBlockBytes,
  array: 'none',
  carving: 'partition',
  members: [DISK.identity ?? ''],
  takenAt: '2026-01-02T03:04:05.678Z',
  erased: undefined,
};

/** Of the same disk, were it carved by LVM. */
export const LVM_NOTE: DiskNote = { ...NOTE, formatVersion: 2, carving: 'lvm' };

const { erased: _, ...TAKEN } = NOTE;

/** Of the first of two disks that are a raid0 together. */
export const MEMBER_NOTE: MemberNote = {
  ...TAKEN,
  formatVersion: 2,
  array: 'raid0',
  members: [NOTE.disk, 'nvme.1d0f-4157533031-02'],
  chunkBytes: 524288n,
  memberBytes: 10237n * MIB,
  role: 'member',
  arrayUuid: uuid('aaaaaaaa-2222-4333-8444-555555555555'),
  revision: 1,
};

/** Of that raid0; each member keeps a MiB for md itself. */
export const ARRAY_NOTE: ArrayNote = {
  ...NOTE,
  formatVersion: 2,
  array: 'raid0',
  members: MEMBER_NOTE.members,
  chunkBytes: MEMBER_NOTE.chunkBytes,
  memberBytes: MEMBER_NOTE.memberBytes,
  role: 'array',
  mark: MEMBER_NOTE.arrayUuid,
  disk: `md:${MEMBER_NOTE.arrayUuid}`,
  diskBytes: 2n * 10236n * MIB,
};

export const HANDLE = uuid('0a1b2c3d-4e5f-8123-9abc-def012345678');
export const OTHER_HANDLE = uuid('0a1b2c3d-4e5f-8fff-9fff-ffffffffffff');

/** What the probe reads: the first and the last 64 KiB, and 64 KiB from 1 MiB on. */
const REGION_BYTES = 65536;

export type Write = Pick<GptRegion, 'offset' | 'bytes'>;

/** What a probe of a disk of `sizeBytes` finds when these writes, in order, are all that was ever written. */
export function bytesWith(
  sizeBytes: bigint,
  writes: readonly Write[],
  change: Partial<DiskBytes> = {},
): DiskBytes {
  const regionAt = (start: bigint): Uint8Array => {
    const region = new Uint8Array(REGION_BYTES);
    for (const { offset, bytes } of writes) {
      const at = Number(offset - start);
      if (offset >= start && at + bytes.length <= REGION_BYTES) region.set(bytes, at);
    }
    return region;
  };
  return {
    exclusive: 'free',
    head: regionAt(0n),
    note: regionAt(MIB),
    tail: regionAt(sizeBytes - BigInt(REGION_BYTES)),
    dirtyAt: 'none',
    fingerprint: undefined,
    signatures: [],
    ...change,
  };
}

export function noteWrite(note: Note): Write {
  return { offset: NOTE_OFFSET, bytes: encodeNote(note) };
}

/** The bytes of a disk that was taken with this note and bears this table. */
export function takenBytes(note: Note, table: Gpt, change: Partial<DiskBytes> = {}): DiskBytes {
  return bytesWith(note.diskBytes, [noteWrite(note), ...encodeGpt(table, note.diskBytes)], change);
}

/** Every sector that the writer of a table writes, in its order: a power cut falls between two of them. */
export function sectorWrites(regions: readonly GptRegion[], sectorBytes: number): readonly GptRegion[] {
  return regions.flatMap((region) =>
    Array.from({ length: Math.ceil(region.bytes.length / sectorBytes) }, (_, at) => ({
      what: region.what,
      offset: region.offset + BigInt(at * sectorBytes),
      bytes: region.bytes.subarray(at * sectorBytes, (at + 1) * sectorBytes),
    })),
  );
}

export function blankFacts(change: Partial<DiskBytes> = {}): DiskFacts {
  const bytes = bytesWith(DISK.sizeBytes, [], change);
  return { disk: DISK, usage: UNUSED, content: { is: 'read', bytes }, twins: [], cordon: ABSENT };
}
