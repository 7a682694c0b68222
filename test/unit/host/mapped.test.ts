import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readMapping, readMappingsOn } from '../../../src/host/mapped.ts';
import { listDisks } from '../../../src/host/sysfs.ts';

/** A /sys of files: this machine's kernel need not have device mapper. */
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'isc-mapped-'));
  await mapping('dm-0', { 'dm/uuid': 'CRYPT-1\n', 'dm/name': 'secret\n', 'slaves/sda/dev': '8:0\n' });
  await mapping('dm-1', {
    'dm/uuid': 'LVM-a\n',
    'dm/name': 'isc_22222222333384448555666666666666-slice_1\n',
    'dm/suspended': '1\n',
    'slaves/nvme1n1p2/dev': '259:2\n',
    'holders/loop3': '',
  });
});

afterEach(() => rm(root, { recursive: true }));

async function file(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

async function mapping(name: string, attributes: Readonly<Record<string, string>>): Promise<void> {
  const all = { dev: '253:1\n', size: '204800\n', 'dm/suspended': '0\n', ...attributes };
  for (const [path, text] of Object.entries(all)) await file(`block/${name}/${path}`, text);
}

const MAPPED = {
  uuid: 'LVM-a',
  name: 'dm-1',
  path: '/dev/dm-1',
  aliases: ['/dev/mapper/isc_22222222333384448555666666666666-slice_1'],
  majorMinor: '253:1',
  sizeBytes: 100n * 1024n ** 2n,
  holders: ['loop3'],
  isOurs: true,
  isSuspended: true,
  on: ['nvme1n1p2'],
};

describe('readMapping()', () => {
  it('finds a device by its UUID under any name', async () => {
    expect(await readMapping('LVM-a', root)).toEqual({ is: 'present', value: MAPPED });
  });

  it('stands on nothing when its disk was pulled', async () => {
    await rm(join(root, 'block/dm-1/slaves/nvme1n1p2'), { recursive: true });
    await symlink('../../gone', join(root, 'block/dm-1/slaves/nvme1n1p2'));
    expect(await readMapping('LVM-a', root)).toEqual({ is: 'present', value: { ...MAPPED, on: [] } });
  });

  it('says absent of one that is not there', async () => {
    expect(await readMapping('LVM-b', root)).toEqual({ is: 'absent' });
  });
});

describe('readMappingsOn()', () => {
  it('finds those that stand on a device, and no other holder', async () => {
    for (const holder of ['dm-1', 'md0']) await file(`class/block/nvme1n1p2/holders/${holder}`, '');
    expect(await readMappingsOn('nvme1n1p2', root)).toEqual([MAPPED]);
    expect(await readMappingsOn('sda', root)).toEqual([]);
  });

  it("tells somebody's own device from a volume of ours", async () => {
    await file('class/block/sda/holders/dm-0', '');
    expect(await readMappingsOn('sda', root)).toMatchObject([{ name: 'dm-0', isOurs: false }]);
  });
});

describe('listDisks()', () => {
  it('leaves out our own logical volumes, whatever is in them', async () => {
    expect((await listDisks(root, join(root, 'dev'))).map(({ name }) => name)).toEqual(['dm-0']);
  });
});
