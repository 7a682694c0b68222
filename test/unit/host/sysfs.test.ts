import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { listDisks, loopsOn, readDisk, readPartition } from '../../../src/host/sysfs.ts';

/** A /sys of files, for hardware that no test machine has; real disks are read in test/host/discovery.test.ts. */
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'isc-sysfs-'));
  await mkdir(join(root, 'sys/block'), { recursive: true });
});

afterEach(() => rm(root, { recursive: true }));

const sys = () => join(root, 'sys');
const dev = () => join(root, 'dev');
const list = () => listDisks(sys(), dev());

async function file(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text, 'latin1');
}

/** A disk at a place below /sys/devices with these attributes. */
async function disk(place: string, attributes: Readonly<Record<string, string>>): Promise<void> {
  const name = place.split('/').at(-1) ?? '';
  const all = { dev: '259:0\n', size: '2097152\n', ro: '0\n', removable: '0\n', ...attributes };
  for (const [path, text] of Object.entries(all)) await file(`sys/devices/${place}/${path}`, text);
  await symlink(`../devices/${place}`, join(root, 'sys/block', name));
}

const NVME = 'pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1';

describe('listDisks()', () => {
  it('tells a medium that is removable or read-only, and one that is neither', async () => {
    await disk('pci0000:00/usb1/sdx', { removable: '1\n' });
    await disk('pci0000:00/ata1/sdy', { ro: '1\n' });
    await disk(NVME, {});
    const told = (await list()).map(({ name, removable, readOnly }) => ({ name, removable, readOnly }));
    expect(told.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: 'nvme0n1', removable: false, readOnly: false },
      { name: 'sdx', removable: true, readOnly: false },
      { name: 'sdy', removable: false, readOnly: true },
    ]);
  });

  it('reads an NVMe disk with its partitions, holders and names', async () => {
    await disk(NVME, {
      wwid: 'eui.0025385b71b0f3c2\n',
      nsid: '1\n',
      diskseq: '7\n',
      'queue/logical_block_size': '4096\n',
      'device/model': 'Amazon EC2 NVMe Instance Storage        \n',
      'device/serial': 'AWS1234             \n',
      'holders/dm-3': '',
      'nvme0n1p2/partition': '2\n',
      'nvme0n1p2/dev': '259:2\n',
      'nvme0n1p2/start': '4096\n',
      'nvme0n1p2/size': '8192\n',
      'nvme0n1p2/holders/md0': '',
    });
    await mkdir(join(dev(), 'disk/by-id'), { recursive: true });
    await symlink('../../nvme0n1', join(dev(), 'disk/by-id/nvme-eui.0025385b71b0f3c2'));
    await symlink('../../nvme0n1p2', join(dev(), 'disk/by-id/nvme-eui.0025385b71b0f3c2-part2'));
    expect(await list()).toEqual([
      {
        name: 'nvme0n1',
        path: join(dev(), 'nvme0n1'),
        majorMinor: '259:0',
        diskSeq: '7',
        sysPath: `/sys/devices/${NVME}`,
        sizeBytes: 1024n ** 3n,
        logicalBlockBytes: 4096,
        readOnly: false,
        removable: false,
        transport: 'nvme',
        model: 'Amazon EC2 NVMe Instance Storage',
        serial: 'AWS1234',
        identity: 'eui.0025385b71b0f3c2',
        byIds: ['nvme-eui.0025385b71b0f3c2'],
        holders: ['dm-3'],
        partitions: [
          {
            number: 2,
            name: 'nvme0n1p2',
            path: join(dev(), 'nvme0n1p2'),
            majorMinor: '259:2',
            startBytes: 2n * 1024n ** 2n,
            sizeBytes: 4n * 1024n ** 2n,
            holders: ['md0'],
          },
        ],
      },
    ]);
  });

  it('reads the serial number of a SCSI disk from its page and the slash in an old name', async () => {
    await disk('pci0000:00/host0/target0:0:0/0:0:0:0/block/cciss!c0d0', {
      'device/model': 'LOGICAL VOLUME  \n',
      'device/vpd_pg80': '\0\x80\0\x08 S42\0\0\0\0',
    });
    expect(await list()).toMatchObject([
      { path: join(dev(), 'cciss/c0d0'), transport: 'scsi', serial: 'S42', identity: 'LOGICAL VOLUME:S42' },
    ]);
  });

  it('leaves out RAM disks, disks of no size and the hidden paths of multipath', async () => {
    await disk('virtual/block/ram0', {});
    await disk('virtual/block/loop3', { size: '0\n' });
    await disk('virtual/nvme-fabrics/ctl/nvme1/nvme0c1n1', { hidden: '1\n', dev: '' });
    await disk('virtual/block/md127', {});
    expect((await list()).map(({ name, transport }) => ({ name, transport }))).toEqual([
      { name: 'md127', transport: 'md' },
    ]);
  });

  it('leaves out a disk whose folder is gone', async () => {
    await symlink('../devices/gone', join(root, 'sys/block/sdq'));
    expect(await list()).toEqual([]);
  });

  it('throws when a disk that is there cannot be understood', async () => {
    await file('sys/devices/x/sdx/dev', '8:0\n');
    await symlink('../devices/x/sdx', join(root, 'sys/block/sdx'));
    await expect(list()).rejects.toMatchObject({ name: 'DriverError', kind: 'unknown' });
  });

  it('throws when an attribute cannot be read', async () => {
    await disk(NVME, {});
    await mkdir(join(root, `sys/devices/${NVME}/wwid`));
    await expect(list()).rejects.toMatchObject({
      kind: 'unknown',
      message: expect.stringContaining('EISDIR'),
    });
  });

  it('throws when there is no /sys', async () => {
    await expect(listDisks(join(root, 'nowhere'))).rejects.toMatchObject({ kind: 'unknown' });
  });
});

describe('readDisk() and readPartition()', () => {
  it('answer present, absent or unknown', async () => {
    await disk('virtual/block/sda', {
      'sda1/partition': '1',
      'sda1/dev': '8:1',
      'sda1/start': '0',
      'sda1/size': '1',
    });
    await mkdir(join(root, 'sys/block/sdb/dev'), { recursive: true });
    expect(await readDisk('sda', sys(), dev())).toMatchObject({ is: 'present', value: { name: 'sda' } });
    expect(await readDisk('sdz', sys(), dev())).toEqual({ is: 'absent' });
    expect(await readDisk('sdb', sys(), dev())).toMatchObject({ is: 'unknown' });
    expect(await readPartition('sda', 1, sys(), dev())).toMatchObject({
      is: 'present',
      value: { name: 'sda1' },
    });
    expect(await readPartition('sda', 2, sys(), dev())).toEqual({ is: 'absent' });
  });
});

describe('loopsOn()', () => {
  it('names the loop devices of one path', async () => {
    await disk('virtual/block/loop1', { 'loop/backing_file': '/dev/sdb2\n' });
    await disk('virtual/block/loop2', { 'loop/backing_file': '/dev/sdb20\n' });
    await disk('virtual/block/loop4', {});
    expect(await loopsOn('/dev/sdb2', sys())).toEqual(['loop1']);
  });
});
