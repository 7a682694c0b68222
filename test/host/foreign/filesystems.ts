import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../lab/tool.ts';
import { DISK_BYTES, disk, sparse, struct } from './bytes.ts';
import { bootSector, type ForeignKind } from './kind.ts';

/** A filesystem made by its own mkfs on an empty image; the image's path comes last. */
function made(name: string, type: string, tool: string, flags: readonly string[]): ForeignKind {
  return {
    name,
    want: ['has a signature'],
    shows: `TYPE=${type}`,
    needs: tool,
    make: async (image) => {
      await sparse(image);
      await run(tool, [...flags, image]);
    },
  };
}

/** A read-only filesystem packed from a folder; the disk is longer than the image, as after `dd`. */
function packed(
  name: string,
  type: string,
  tool: string,
  argv: (image: string, folder: string) => string[],
): ForeignKind {
  return {
    name,
    want: ['has a signature'],
    shows: `TYPE=${type}`,
    needs: tool,
    make: async (image) => {
      const folder = await mkdtemp(join(tmpdir(), 'isc-packed-'));
      try {
        await writeFile(join(folder, 'ledger.txt'), 'the only copy\n');
        await sparse(image, 0);
        await run(tool, argv(image, folder));
        await grow(image);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  };
}

const grow = (image: string): Promise<string> => run('truncate', ['--size', String(DISK_BYTES), image]);

export const FILESYSTEMS: readonly ForeignKind[] = [
  made('ext2', 'ext2', 'mkfs.ext2', ['-q', '-F']),
  made('ext3', 'ext3', 'mkfs.ext3', ['-q', '-F']),
  made('ext4', 'ext4', 'mkfs.ext4', ['-q', '-F']),
  made('an external ext4 journal', 'jbd', 'mke2fs', ['-q', '-F', '-O', 'journal_dev']),
  made('xfs', 'xfs', 'mkfs.xfs', ['-q']),
  made('btrfs', 'btrfs', 'mkfs.btrfs', ['-q']),
  made('vfat', 'vfat', 'mkfs.vfat', []),
  bootSector(made('exfat', 'exfat', 'mkfs.exfat', [])),
  bootSector(made('ntfs', 'ntfs', 'mkfs.ntfs', ['-q', '-F', '-Q'])),
  made('f2fs', 'f2fs', 'mkfs.f2fs', ['-q']),
  made('nilfs2', 'nilfs2', 'mkfs.nilfs2', ['-q']),
  made('jfs', 'jfs', 'mkfs.jfs', ['-q']),
  made('reiserfs', 'reiserfs', 'mkfs.reiserfs', ['-q', '-ff']),
  made('udf', 'udf', 'mkudffs', []),
  made('minix', 'minix', 'mkfs.minix', ['-3']),
  made('ocfs2', 'ocfs2', 'mkfs.ocfs2', ['-q', '-F', '-M', 'local']),
  made('gfs2', 'gfs2', 'mkfs.gfs2', ['-q', '-O', '-p', 'lock_nolock']),
  packed('squashfs', 'squashfs', 'mksquashfs', (image, folder) => [
    folder,
    image,
    '-noappend',
    '-quiet',
    '-no-progress',
  ]),
  packed('erofs', 'erofs', 'mkfs.erofs', (image, folder) => [image, folder]),
  packed('an ISO 9660 image', 'iso9660', 'genisoimage', (image, folder) => ['-quiet', '-o', image, folder]),
  written('hfsplus', 'hfsplus', [{ at: 1024, bytes: hfsPlusHeader() }]),
  written('apfs', 'apfs', [{ at: 0, bytes: apfsContainer() }]),
];

/** Documented first bytes of a filesystem that Debian 12 cannot make. */
function written(name: string, type: string, patches: Parameters<typeof disk>[1]): ForeignKind {
  return { name, want: ['has a signature'], shows: `TYPE=${type}`, make: (image) => disk(image, patches) };
}

/** Apple TN1150, "Volume Header". */
function hfsPlusHeader(): Buffer {
  return struct(512, [
    [0, 'ascii', 'H+'],
    [2, 'be16', 4],
    [40, 'be32', 4096],
    [44, 'be32', DISK_BYTES / 4096],
  ]);
}

/** Apple File System Reference, `nx_superblock_t`. */
function apfsContainer(): Buffer {
  return struct(4096, [
    [8, 'le64', 1],
    [16, 'le64', 1],
    [24, 'le16', 1],
    [26, 'le16', 0x8000],
    [32, 'ascii', 'NXSB'],
    [36, 'le32', 4096],
    [40, 'le64', DISK_BYTES / 4096],
    [72, 'hex', '6f1d3c0a4b5e4f2b9a7c8d9e0f102132'],
  ]);
}
