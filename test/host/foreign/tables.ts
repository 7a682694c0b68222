import { run } from '../lab/tool.ts';
import { DISK_BYTES, disk, KIB, MIB, type Patch, patch, sparse, struct, zeros } from './bytes.ts';
import type { ForeignKind, Reason } from './kind.ts';

const SECTOR_BYTES = 512;
const LINUX_FILESYSTEM = '0fc63daf-8483-4772-8e79-3d69d8477de4';
const END = DISK_BYTES;

/** Where GPT puts its pieces on a disk of `DISK_BYTES` (UEFI specification, §5.3). */
const GPT = {
  primaryHeader: SECTOR_BYTES,
  backupEntries: END - 33 * SECTOR_BYTES,
  backupHeader: END - SECTOR_BYTES,
  headerCrcInHeader: 16,
} as const;

/** Writes a table as sfdisk does; `script` in sfdisk's own words. */
async function sfdisk(image: string, script: string): Promise<void> {
  // Without these two sfdisk waits a quarter of a second for a kernel that has nothing to re-read.
  await run('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', image], { input: script });
}

const ONE_GPT_PARTITION = `label: gpt\nstart=2048, size=200M, type=${LINUX_FILESYSTEM}\n`;
const ONE_MBR_PARTITION = 'label: dos\nstart=2048, size=200M, type=83\n';

/** A disk of one partition with an ext4 inside, as an installer leaves it. */
export async function partitionedWithExt4(image: string, script = ONE_GPT_PARTITION): Promise<void> {
  await sparse(image);
  await sfdisk(image, script);
  await run('mkfs.ext4', ['-q', '-F', '-E', `offset=${MIB}`, image, '200M']);
}

function table(name: string, type: string, make: ForeignKind['make']): ForeignKind {
  return { name, want: ['has a partition table'], shows: `PTTYPE=${type}`, needs: 'sfdisk', make };
}

function scripted(name: string, type: string, script: string): ForeignKind {
  return table(name, type, async (image) => {
    await sparse(image);
    await sfdisk(image, script);
  });
}

/** A GPT of one partition, then damaged. Where blkid gives up, `left` says what it still shows and what is right to answer. */
function damagedGpt(
  name: string,
  damage: readonly Patch[],
  left: { readonly shows: string; readonly want: readonly Reason[] } = {
    shows: 'PTTYPE=gpt',
    want: ['has a partition table'],
  },
): ForeignKind {
  const make: ForeignKind['make'] = async (image) => {
    await sparse(image);
    await sfdisk(image, ONE_GPT_PARTITION);
    await patch(image, damage);
  };
  return { name, ...left, needs: 'sfdisk', make };
}

const wrongCrc = (header: number): Patch => ({
  at: header + GPT.headerCrcInHeader,
  bytes: Buffer.from('baadf00d', 'hex'),
});
const ONLY_PROTECTIVE = { shows: 'PTTYPE=PMBR', want: ['has a partition table'] } as const;

export const TABLES: readonly ForeignKind[] = [
  scripted('an empty GPT', 'gpt', 'label: gpt\n'),
  table('a GPT with an ext4 partition', 'gpt', (image) => partitionedWithExt4(image)),
  scripted('an empty MBR', 'dos', 'label: dos\n'),
  table('an MBR with an ext4 partition', 'dos', (image) => partitionedWithExt4(image, ONE_MBR_PARTITION)),
  scripted('a Sun disk label', 'sun', 'label: sun\n'),
  scripted('an SGI disk label', 'sgi', 'label: sgi\n'),
  {
    // sfdisk lists its slice; `blkid -p` of util-linux 2.38 finds it and then says nothing.
    name: 'a BSD disk label',
    want: ['has a partition table', 'unrecognised data'],
    shows: 'silent',
    make: (image) => disk(image, [{ at: SECTOR_BYTES, bytes: bsdLabel() }]),
  },
  damagedGpt('a GPT whose primary header was zeroed', [zeros(GPT.primaryHeader, SECTOR_BYTES)]),
  damagedGpt('a GPT whose backup was zeroed', [zeros(GPT.backupEntries, 33 * SECTOR_BYTES)]),
  damagedGpt('a GPT whose primary header has a wrong CRC', [wrongCrc(GPT.primaryHeader)]),
  damagedGpt(
    'a GPT whose two headers have wrong CRCs',
    [wrongCrc(GPT.primaryHeader), wrongCrc(GPT.backupHeader)],
    ONLY_PROTECTIVE,
  ),
  damagedGpt(
    'a protective MBR alone',
    [zeros(GPT.primaryHeader, MIB), zeros(GPT.backupEntries, 33 * SECTOR_BYTES)],
    ONLY_PROTECTIVE,
  ),
  damagedGpt('a backup GPT alone, the first MiB zeroed', [zeros(0, MIB)], {
    shows: 'silent',
    want: ['has a partition table', 'unrecognised data'],
  }),
];

/** `disklabel(5)` of 4.4BSD for an i386: the second sector, its checksum an XOR of 16-bit words. */
function bsdLabel(): Buffer {
  const magic = 0x82564557;
  const label = struct(276, [
    [0, 'le32', magic],
    [40, 'le32', SECTOR_BYTES],
    [44, 'le32', 63],
    [48, 'le32', 255],
    [60, 'le32', DISK_BYTES / SECTOR_BYTES],
    [132, 'le32', magic],
    [138, 'le16', 8],
    [140, 'le32', 8 * KIB],
    [148, 'le32', 262_144],
    [152, 'le32', 16],
    [156, 'le32', 2048],
    [160, 'hex', '0708'],
  ]);
  let checksum = 0;
  for (let at = 0; at < label.length; at += 2) checksum ^= label.readUInt16LE(at);
  label.writeUInt16LE(checksum, 136);
  return label;
}
