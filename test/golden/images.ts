import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { GIB, MIB } from '../../src/model/bytes.ts';
import type { Disk, DiskBytes } from '../../src/model/disk.ts';
import type { Gpt, GptEntry } from '../../src/model/gpt.ts';
import type { ArrayNote, DiskNote, MemberNote, Note } from '../../src/model/note.ts';
import { uuid } from '../../src/model/uuid.ts';

/**
 * Disks of format versions 1 and 2 as they were when these were fixed, and one of a version to come. Each folder holds what the
 * driver reads of a disk: its first 64 KiB, 8 KiB from 1 MiB on and its last 64 KiB, compressed. The tables of
 * 512-byte sectors were written by sfdisk 2.38.1. What is said of them here is written out and shares nothing with
 * the code: these files never change, and disks in the field are like them.
 */

const SIZE_BYTES = GIB;

const NOTE: DiskNote = {
  formatVersion: 1,
  driver: 'instance-store.csi.dev',
  pool: 'fast',
  node: 'node-a.example',
  machine: 'i-0123456789abcdef0',
  mark: uuid('7d1c4e0a-5b2f-4c3d-9e8f-a0b1c2d3e4f5'),
  ownerPartition: uuid('e5f4d3c2-b1a0-4f8e-a9d3-c4f2b50a4e1c'),
  disk: 'nvme.1d0f-4157533031-01',
  diskBytes: SIZE_BYTES,
  sectorBytes: 512,
  array: 'none',
  carving: 'partition',
  members: ['nvme.1d0f-4157533031-01'],
  takenAt: '2026-01-02T03:04:05.678Z',
  erased: undefined,
};

const ARRAY_UUID = uuid('c0ffee00-5b2f-4c3d-8e8f-a0b1c2d3e4f5');

const OF_ARRAY = {
  formatVersion: 2,
  array: 'raid0',
  chunkBytes: 524288n,
  memberBytes: 1021n * MIB,
  members: ['nvme.1d0f-4157533031-01', 'nvme.1d0f-4157533032-01'],
} as const;

const { erased: _, ...TAKEN } = NOTE;

const MEMBER_NOTE: MemberNote = {
  ...TAKEN,
  ...OF_ARRAY,
  role: 'member',
  arrayUuid: ARRAY_UUID,
  revision: 1,
};

/** Two members without the MiB that md keeps at the start of each. */
const ARRAY_BYTES = 2040n * MIB;

const ARRAY_NOTE: ArrayNote = {
  ...NOTE,
  ...OF_ARRAY,
  mark: ARRAY_UUID,
  disk: `md:${ARRAY_UUID}`,
  diskBytes: ARRAY_BYTES,
  role: 'array',
};

const OWNER: GptEntry = {
  number: 1,
  type: uuid('0e3b39c1-2084-47fa-a09c-553e1b1dbbc3'),
  uuid: NOTE.ownerPartition,
  startBytes: MIB,
  sizeBytes: MIB,
  attributes: 0n,
  name: 'instance-store-csi',
};

const MEMBER: GptEntry = {
  number: 2,
  type: uuid('62440746-3730-44bc-b23f-f4292c13740a'),
  uuid: uuid('a81d9a28-fef7-8b3d-87ab-9af0f76bd718'),
  startBytes: 2n * MIB,
  sizeBytes: OF_ARRAY.memberBytes,
  attributes: 1n << 48n,
  name: 'instance-store-csi-member',
};

const LVM_NOTE: DiskNote = { ...NOTE, formatVersion: 2, carving: 'lvm' };

const PHYSICAL_VOLUME: GptEntry = {
  ...MEMBER,
  uuid: uuid('e18006a6-da84-8ac0-af94-566672629dfe'),
  name: 'instance-store-csi-lvm',
};

const VOLUME = uuid('478626e7-634c-4af3-a531-30d16deffc79');
const QUARANTINE = uuid('73a1439c-53e5-4593-b5bf-673de5e677e3');

const SLICES: readonly GptEntry[] = [
  {
    number: 2,
    type: VOLUME,
    uuid: uuid('27075d67-3e79-8aa5-bff2-66a37a131396'),
    startBytes: 2n * MIB,
    sizeBytes: 300n * MIB,
    attributes: 1n << 48n,
    name: 'fast:1',
  },
  {
    number: 3,
    type: VOLUME,
    uuid: uuid('27075d67-3e79-8bb6-8ff2-66a37a131397'),
    startBytes: 400n * MIB,
    sizeBytes: 100n * MIB,
    attributes: 3n << 48n,
    name: 'fast:2',
  },
  {
    number: 4,
    type: VOLUME,
    uuid: uuid('27075d67-3e79-8cc7-9ff2-66a37a131398'),
    startBytes: 500n * MIB,
    sizeBytes: 8n * MIB + 4096n,
    attributes: 0n,
    name: 'fast:12',
  },
  {
    number: 7,
    type: QUARANTINE,
    uuid: uuid('b2a7c3d4-1e5f-4a6b-8c9d-0e1f2a3b4c5d'),
    startBytes: 600n * MIB,
    sizeBytes: 50n * MIB,
    attributes: 0n,
    name: 'fast:3',
  },
];

const TABLE: Gpt = {
  diskGuid: NOTE.mark,
  sectorBytes: 512,
  firstUsableBytes: MIB,
  /** The last sector holds the backup header, 32 KiB before it its 256 entries. */
  usableEndBytes: SIZE_BYTES - 512n - 32768n,
  entries: [OWNER],
};

export type Image = {
  readonly folder: string;
  readonly what: string;
  readonly note: Note;
  readonly table: Gpt;
};

export const IMAGES: readonly Image[] = [
  { folder: 'v1-taken', what: 'a disk that was just taken', note: NOTE, table: TABLE },
  {
    folder: 'v1-slices',
    what: 'a disk with slices in every state',
    note: { ...NOTE, erased: 'a'.repeat(64) },
    table: { ...TABLE, entries: [OWNER, ...SLICES] },
  },
  {
    folder: 'v1-4kn',
    what: 'a disk with sectors of 4 KiB',
    note: { ...NOTE, sectorBytes: 4096, carving: 'whole' },
    table: { ...TABLE, sectorBytes: 4096, usableEndBytes: SIZE_BYTES - 4096n - 32768n },
  },
  {
    folder: 'v2-member',
    what: 'a member of an array that was made',
    note: MEMBER_NOTE,
    table: { ...TABLE, entries: [OWNER, MEMBER] },
  },
  {
    folder: 'v2-lvm',
    what: 'a disk that LVM carves, whose volume group was made',
    note: LVM_NOTE,
    table: { ...TABLE, entries: [OWNER, PHYSICAL_VOLUME] },
  },
  {
    folder: 'v2-array',
    what: 'an array with slices in every state',
    note: ARRAY_NOTE,
    table: {
      ...TABLE,
      diskGuid: ARRAY_UUID,
      usableEndBytes: ARRAY_BYTES - 512n - 32768n,
      entries: [OWNER, ...SLICES],
    },
  },
];

/** A disk of a driver to come: the title is all that every version shares. */
export const NEWER = { folder: 'v3-newer', version: 3, note: NOTE } as const;

export function bytesOf(folder: string): DiskBytes {
  const part = (name: string): Uint8Array =>
    gunzipSync(readFileSync(join(import.meta.dirname, folder, `${name}.gz`)));
  return {
    exclusive: 'free',
    head: part('head'),
    note: part('note'),
    tail: part('tail'),
    dirtyAt: 'none',
    fingerprint: undefined,
    signatures: [],
  };
}

/** The disk that a note was written for. */
export function diskOf(note: Note): Disk {
  return {
    name: 'nvme1n1',
    path: '/dev/nvme1n1',
    majorMinor: '259:1',
    diskSeq: '1',
    sysPath: '/devices/nvme1n1',
    sizeBytes: note.diskBytes,
    logicalBlockBytes: note.sectorBytes,
    readOnly: false,
    removable: false,
    transport: 'nvme',
    model: 'Amazon EC2 NVMe Instance Storage',
    serial: 'AWS01',
    identity: note.disk,
    byIds: [],
    holders: [],
    partitions: [],
    array: undefined,
  };
}
