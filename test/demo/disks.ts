import { mkdir, statfs, writeFile } from 'node:fs/promises';
import { formatBytes, GIB, MIB } from '../../src/model/bytes.ts';
import { run } from '../host/lab/tool.ts';
import { checksum, type Lab } from '../host/lab.ts';

/** The demo's disks: sparse files behind loop devices, two of them blank and two of them somebody else's. */

export type DemoDisk = {
  readonly path: string;
  readonly sizeBytes: bigint;
  readonly what: string;
  readonly foreign: boolean;
  /** Of the whole disk, before any driver saw it; of a blank one nobody asks. */
  readonly checksum: string;
};

export const BLANK_BYTES = 4n * GIB;
/** Small, as all of it is read twice. */
const FOREIGN_BYTES = 512n * MIB;
/** Zeroing the volume and its filesystem's log take real room below a sparse file. */
const ROOM_BYTES = 4n * GIB;

type Kind = {
  readonly name: string;
  readonly what: string;
  readonly fill?: (image: string, lab: Lab) => Promise<void>;
};

const KINDS: readonly Kind[] = [
  { name: 'blank-1', what: 'blank' },
  { name: 'blank-2', what: 'blank' },
  { name: 'photos', what: "somebody's ext4, with a file on it", fill: makeExt4 },
  { name: 'system', what: 'partitioned by somebody else with sfdisk', fill: partition },
];

/** @throws when the folder lacks the room */
export async function makeDisks(lab: Lab): Promise<readonly DemoDisk[]> {
  const { bavail, bsize } = await statfs(lab.folder, { bigint: true });
  if (bavail * bsize < ROOM_BYTES)
    throw new Error(
      `${lab.folder} has ${formatBytes(bavail * bsize)} free, want ${formatBytes(ROOM_BYTES)}; set TMPDIR`,
    );
  const disks: DemoDisk[] = [];
  for (const kind of KINDS) disks.push(await makeDisk(lab, kind));
  return disks;
}

async function makeDisk(lab: Lab, { name, what, fill }: Kind): Promise<DemoDisk> {
  const foreign = fill !== undefined;
  const sizeBytes = foreign ? FOREIGN_BYTES : BLANK_BYTES;
  const image = await lab.image(`${name}.img`, sizeBytes);
  await fill?.(image, lab);
  const path = await lab.attach(image);
  return { path, sizeBytes, what, foreign, checksum: foreign ? await checksum(path) : '' };
}

async function makeExt4(image: string, lab: Lab): Promise<void> {
  const content = lab.path('photos');
  await mkdir(content);
  await writeFile(`${content}/wedding.txt`, 'the only copy\n');
  await run('mkfs.ext4', ['-q', '-F', '-L', 'photos', '-d', content, image]);
}

async function partition(image: string): Promise<void> {
  await run('sfdisk', ['--quiet', image], { input: 'label: gpt\nsize=100MiB, name="boot"\nname="data"\n' });
}

/** Exactly these disks, the foreign ones as well: that they are left alone is the driver's doing. */
export function configuration(disks: readonly DemoDisk[]): string {
  return [
    'apiVersion: instance-store.csi.dev/v1alpha1',
    'kind: DriverConfiguration',
    'pools:',
    '  - name: demo',
    '    disks:',
    '      match:',
    ...disks.map(({ path }) => `        - path: ${path}`),
    '      minSize: 256Mi',
    '    carving: partition',
    '    sanitize: zero',
    '',
  ].join('\n');
}
