import { DISK_BYTES, disk, KIB, struct } from './bytes.ts';
import type { ForeignKind } from './kind.ts';

const MAGIC = 0xa92b4efc;
const ARRAY_UUID = '5d7c2f10a4b34e6f8c912d3e4f5a6b7c';
const SECTOR_BYTES = 512;
const DISK_SECTORS = DISK_BYTES / SECTOR_BYTES;
const MADE_AT_S = 1_700_000_000;

type Placement = { readonly version: string; readonly superSector: number; readonly dataSector: number };

/** Where mdadm puts the superblock of each version 1 layout (md(4), super-*.c of mdadm). */
const PLACEMENTS: readonly Placement[] = [
  { version: '1.0', superSector: (DISK_SECTORS - 16) & ~7, dataSector: 0 },
  { version: '1.1', superSector: 0, dataSector: 2048 },
  { version: '1.2', superSector: 8, dataSector: 2048 },
];

/** Written from the documented bytes: the kernel of the host lab has no md, so `mdadm --create` fails there. */
export const MD_MEMBERS: readonly ForeignKind[] = [
  member('0.90', oldSuperByte(), oldSuperblock()),
  ...PLACEMENTS.map(newMember),
];

function newMember(placement: Placement): ForeignKind {
  return member(placement.version, placement.superSector * SECTOR_BYTES, newSuperblock(placement));
}

function member(version: string, at: number, bytes: Buffer): ForeignKind {
  return {
    name: `an md member, metadata ${version}`,
    want: ['has a signature'],
    shows: 'TYPE=linux_raid_member',
    make: (image) => disk(image, [{ at, bytes }]),
  };
}

/** 0.90 lies in the last whole 64 KiB block but one. */
function oldSuperByte(): number {
  return Math.floor(DISK_BYTES / (64 * KIB)) * 64 * KIB - 64 * KIB;
}

/** `mdp_super_t` of linux/raid/md_p.h, a raid1 of two. */
function oldSuperblock(): Buffer {
  const bytes = struct(4096, [
    [0, 'le32', MAGIC],
    [8, 'le32', 90],
    [20, 'hex', ARRAY_UUID.slice(0, 8)],
    [24, 'le32', MADE_AT_S],
    [28, 'le32', 1],
    [32, 'le32', oldSuperByte() / KIB],
    [36, 'le32', 2],
    [40, 'le32', 2],
    [52, 'hex', ARRAY_UUID.slice(8)],
    [128, 'le32', MADE_AT_S],
    [132, 'le32', 1],
    [136, 'le32', 2],
    [140, 'le32', 2],
  ]);
  bytes.writeUInt32LE(foldedSum(bytes), 152);
  return bytes;
}

/** `mdp_superblock_1` of linux/raid/md_p.h, a raid1 of two. */
function newSuperblock({ superSector, dataSector }: Placement): Buffer {
  const bytes = struct(256 + 2 * 2, [
    [0, 'le32', MAGIC],
    [4, 'le32', 1],
    [16, 'hex', ARRAY_UUID],
    [32, 'ascii', 'elsewhere:0'],
    [64, 'le64', MADE_AT_S],
    [72, 'le32', 1],
    [80, 'le64', DISK_SECTORS - 4096],
    [92, 'le32', 2],
    [128, 'le64', dataSector],
    [136, 'le64', DISK_SECTORS - 4096],
    [144, 'le64', superSector],
    [168, 'hex', '00112233445566778899aabbccddeeff'],
    [192, 'le64', MADE_AT_S],
    [200, 'le64', 17],
    [220, 'le32', 2],
    [258, 'le16', 1],
  ]);
  bytes.writeUInt32LE(foldedSum(bytes), 216);
  return bytes;
}

/** Sum of the 32-bit words with the carry added once, taken while the checksum field is zero. */
function foldedSum(bytes: Buffer): number {
  let sum = 0n;
  for (let at = 0; at < bytes.length; at += 4) sum += BigInt(bytes.readUInt32LE(at));
  return Number(((sum & 0xffffffffn) + (sum >> 32n)) & 0xffffffffn);
}
