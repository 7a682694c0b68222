import { run } from '../lab/tool.ts';
import {
  DISK_BYTES,
  disk,
  KIB,
  MIB,
  noise,
  type Patch,
  patch,
  sparse,
  struct,
  text,
  zeros,
} from './bytes.ts';
import type { ForeignKind } from './kind.ts';
import { luksFormat } from './members.ts';
import { partitionedWithExt4 } from './tables.ts';

type Make = ForeignKind['make'];

/** A disk that blkid says nothing about, though somebody's bytes are on it. */
function silent(name: string, make: Make, needs?: string): ForeignKind {
  const kind = { name, want: ['unrecognised data'], shows: 'silent', make } as const;
  return needs === undefined ? kind : { ...kind, needs };
}

const bytes = (name: string, patches: () => Iterable<Patch>): ForeignKind =>
  silent(name, (image) => disk(image, patches()));

/** A filesystem, then pieces of it overwritten. */
function altered(tool: string, flags: readonly string[], changes: readonly Patch[]): Make {
  return async (image) => {
    await sparse(image);
    await run(tool, [...flags, image]);
    await patch(image, changes);
  };
}

/** An ext4 that starts `atByte` into a disk whose head is zeros. */
const ext4At =
  (atByte: number): Make =>
  async (image) => {
    await sparse(image);
    await run('mkfs.ext4', ['-q', '-F', '-E', `offset=${atByte}`, image, '200M']);
  };

const EXT4 = ['-q', '-F'] as const;
const BTRFS_SUPERBLOCK_BYTE = 64 * KIB;

export const WIPED: readonly ForeignKind[] = [
  {
    name: 'an ext4 with its first sector zeroed',
    want: ['has a signature'],
    shows: 'TYPE=ext4',
    make: altered('mkfs.ext4', EXT4, [zeros(0, 512)]),
  },
  {
    name: 'a LUKS2 whose first header was zeroed',
    want: ['has a signature'],
    shows: 'TYPE=crypto_LUKS',
    needs: 'cryptsetup',
    make: async (image) => {
      await sparse(image);
      await luksFormat(image, 'luks2');
      await patch(image, [zeros(0, 4 * KIB)]);
    },
  },
  {
    // blkid calls this ambivalent: exit code 8 and not a word, which is not the silence of an empty disk.
    name: 'a btrfs with a swap signature before it',
    want: ['has a signature', 'probe failed'],
    shows: 'ambivalent',
    needs: 'mkfs.btrfs',
    make: altered('mkfs.btrfs', ['-q'], [{ at: KIB, bytes: swapHeader() }, text(4086, 'SWAPSPACE2')]),
  },
  silent('an ext4 with its superblock zeroed', altered('mkfs.ext4', EXT4, [zeros(0, 4 * KIB)])),
  silent('an xfs with its first sector zeroed', altered('mkfs.xfs', ['-q'], [zeros(0, 512)]), 'mkfs.xfs'),
  silent(
    'a btrfs with its first superblock zeroed',
    altered('mkfs.btrfs', ['-q'], [zeros(BTRFS_SUPERBLOCK_BYTE, 4 * KIB)]),
    'mkfs.btrfs',
  ),
  silent(
    'an ext4 at 1 MiB whose MBR was wiped',
    async (image) => {
      await partitionedWithExt4(image, 'label: dos\nstart=2048, size=200M, type=83\n');
      await patch(image, [zeros(0, MIB)]);
    },
    'sfdisk',
  ),
  silent('an ext4 at 16 MiB behind a zeroed head', ext4At(16 * MIB)),
  bytes('random bytes all over', () => noise(0, DISK_BYTES)),
  bytes('one block of random bytes at 10 MiB', () => noise(10 * MIB, 64 * KIB)),
  bytes('a single byte at 63 MiB', () => [text(63 * MIB, 'x')]),
  bytes('a single byte just before 64 MiB', () => [text(64 * MIB - 1, 'x')]),
  bytes('a single byte 4 MiB before the end', () => [text(-4 * MIB, 'x')]),
  bytes('a single byte at the very end', () => [text(-1, 'x')]),
  bytes("somebody's readable note at the start", () => [
    text(0, 'DO NOT ERASE. Backups of the ledger, ask Ada.\n'),
  ]),
  bytes("another driver's note where ours would be", () => [text(MIB, anotherDriversNote())]),
];

/** As near to an owner mark's note as a stranger's can be: readable text, then JSON, then a digest. */
function anotherDriversNote(): string {
  const facts = { version: 1, driver: 'local-storage.example', pool: 'instance-store', node: 'node-1' };
  return `This disk belongs to a storage driver.\n${JSON.stringify(facts)}\nsha256:${'5e'.repeat(32)}\n`;
}

/** `union swap_header` of linux/swap.h: version and last page. */
function swapHeader(): Buffer {
  return struct(8, [
    [0, 'le32', 1],
    [4, 'le32', DISK_BYTES / 4096 - 1],
  ]);
}
