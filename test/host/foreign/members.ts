import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, withLoop } from '../lab/tool.ts';
import { DISK_BYTES, disk, hex, KIB, type Patch, sparse, struct, text } from './bytes.ts';
import { bootSector, type ForeignKind } from './kind.ts';
import { MD_MEMBERS } from './md.ts';

type Make = ForeignKind['make'];

function made(name: string, type: string, needs: string, write: Make): ForeignKind {
  const make: Make = async (image) => {
    await sparse(image);
    await write(image);
  };
  return { name, want: ['has a signature'], shows: `TYPE=${type}`, needs, make };
}

function written(name: string, type: string, patches: readonly Patch[]): ForeignKind {
  return { name, want: ['has a signature'], shows: `TYPE=${type}`, make: (image) => disk(image, patches) };
}

/** Formats as LUKS with as little key stretching as is allowed: nobody will guess this passphrase. */
export async function luksFormat(image: string, type: 'luks1' | 'luks2'): Promise<void> {
  const stretch = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
  const flags = ['--batch-mode', '--type', type, ...(type === 'luks2' ? stretch : stretch.slice(2))];
  await run('cryptsetup', ['luksFormat', ...flags, image, '-'], { input: 'somebody else knows it' });
}

/** Runs pvcreate on one loop device with a configuration, locks and a device filter of its own, so that it sees no other disk. */
async function pvCreate(image: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'isc-lvm-'));
  try {
    await withLoop(image, async (device) => {
      const confined =
        `devices { use_devicesfile=0 hints="none" filter=["a|^${device}$|", "r|.*|"] } ` +
        `global { locking_dir="${folder}" use_lvmpolld=0 } backup { backup=0 archive=0 }`;
      await run('pvcreate', ['--yes', '--config', confined, device], {
        env: { LVM_SYSTEM_DIR: folder, LVM_SUPPRESS_FD_WARNINGS: '1', DM_DISABLE_UDEV: '1' },
      });
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

export const MEMBERS: readonly ForeignKind[] = [
  made('swap space', 'swap', 'mkswap', async (image) => {
    await run('mkswap', [image]);
  }),
  made('LUKS1', 'crypto_LUKS', 'cryptsetup', (image) => luksFormat(image, 'luks1')),
  made('LUKS2', 'crypto_LUKS', 'cryptsetup', (image) => luksFormat(image, 'luks2')),
  made('an LVM physical volume', 'LVM2_member', 'pvcreate', pvCreate),
  made('a bcache backing device', 'bcache', 'make-bcache', async (image) => {
    await run('make-bcache', ['-B', image]);
  }),
  made('a bcache cache device', 'bcache', 'make-bcache', async (image) => {
    await run('make-bcache', ['-C', image]);
  }),
  ...MD_MEMBERS,
  written('a ZFS member', 'zfs_member', zfsLabels()),
  written('a Ceph BlueStore device', 'ceph_bluestore', [
    text(0, 'bluestore block device\n9f2c4a52-6d1f-4c5e-8a53-2f0d3b7e91aa\n'),
  ]),
  written('a DRBD device with internal metadata', 'drbd', [{ at: -4096, bytes: drbdMetadata() }]),
  written('a VMFS physical extent', 'VMFS_volume_member', [hex(1024 * KIB, '0dd001c0')]),
  written('a VDO volume', 'vdo', [text(0, 'dmvdo001')]),
  written('an Oracle ASM disk', 'oracleasm', [text(32, 'ORCLDISKDATA01')]),
  written('a dm-verity hash device', 'DM_verity_hash', [{ at: 0, bytes: veritySuperblock() }]),
  bootSector(written('a BitLocker volume', 'BitLocker', bitLocker())),
];

/** ZFS On-Disk Format, §1.2: four labels of 256 KiB, two at each end, whose second half is the ring of uberblocks. */
function zfsLabels(): Patch[] {
  const ring = Buffer.alloc(128 * KIB);
  for (let slot = 0; slot < 32; slot += 1) zfsUberblock(slot).copy(ring, slot * KIB);
  const labels = [0, 256 * KIB, DISK_BYTES - 512 * KIB, DISK_BYTES - 256 * KIB];
  return labels.map((label) => ({ at: label + 128 * KIB, bytes: ring }));
}

function zfsUberblock(transaction: number): Buffer {
  return struct(KIB, [
    [0, 'le64', 0x00bab10c],
    [8, 'le64', 5000],
    [16, 'le64', transaction + 4],
    [24, 'le64', 0x1234_5678_9abcn],
    [32, 'le64', 1_700_000_000],
  ]);
}

/** `meta_data_on_disk` of drbd_main.c, version 8.4: the last 4 KiB of the disk, big-endian. */
function drbdMetadata(): Buffer {
  return struct(4096, [
    [0, 'be64', DISK_BYTES / 512],
    [8, 'be64', 0x0123_4567_89ab_cdefn],
    [40, 'be64', 0x1122_3344_5566_7788n],
    [60, 'be32', 0x8374026b],
    [64, 'be32', 256],
    [68, 'be32', 8],
    [72, 'be32', 1237],
    [76, 'be32', 0xffffffff],
    [80, 'be32', 4096],
  ]);
}

/** cryptsetup's wiki, "DM-Verity", on-disk superblock of version 1. */
function veritySuperblock(): Buffer {
  return struct(512, [
    [0, 'ascii', 'verity'],
    [8, 'le32', 1],
    [12, 'le32', 1],
    [16, 'hex', '0c1d2e3f4a5b46c7d8e9fa0b1c2d3e4f'],
    [32, 'ascii', 'sha256'],
    [64, 'le32', 4096],
    [68, 'le32', 4096],
    [72, 'le64', 1000],
  ]);
}

/** libbde's format notes: the boot sector of Windows 7 and later points at three copies of the FVE metadata. */
function bitLocker(): Patch[] {
  const copies = [64 * KIB, 128 * KIB, 192 * KIB] as const;
  const boot = struct(512, [
    [0, 'hex', 'eb5890'],
    [3, 'ascii', '-FVE-FS-'],
    [11, 'le16', 512],
    [160, 'hex', '3bd667492929d84a8399f6a339e3d001'],
    [176, 'le64', copies[0]],
    [184, 'le64', copies[1]],
    [192, 'le64', copies[2]],
    [510, 'hex', '55aa'],
  ]);
  const metadata = struct(128, [
    [0, 'ascii', '-FVE-FS-'],
    [8, 'le16', 64],
    [10, 'le16', 2],
  ]);
  return [{ at: 0, bytes: boot }, ...copies.map((at) => ({ at, bytes: metadata }))];
}
