import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseMountinfo, parseSwaps, readAllMounts, readMounts, readSwaps } from '../../../src/host/proc.ts';

describe('parseMountinfo()', () => {
  it('reads every field, with several and with no propagation tags', () => {
    const text = [
      '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue',
      '27 1 254:0 / / ro,relatime - ext4 /dev/vda rw',
      '',
    ].join('\n');
    expect(parseMountinfo(text)).toEqual([
      {
        id: 36,
        parentId: 35,
        majorMinor: '98:0',
        root: '/mnt1',
        rootDeleted: false,
        target: '/mnt2',
        options: ['rw', 'noatime'],
        optional: ['master:1', 'shared:7'],
        fsType: 'ext3',
        source: '/dev/root',
        superOptions: ['rw', 'errors=continue'],
      },
      expect.objectContaining({
        target: '/',
        options: ['ro', 'relatime'],
        optional: [],
        superOptions: ['rw'],
      }),
    ]);
  });

  it('decodes escapes byte by byte and keeps a target that is a dash', () => {
    const line = '36 35 0:6 /loop1p2//deleted /a\\040b\\134\\303\\274 rw - devtmpfs - rw';
    expect(parseMountinfo(line)).toMatchObject([
      { root: '/loop1p2', rootDeleted: true, target: '/a b\\ü', source: '-' },
    ]);
  });

  it.each(['36 35 98:0 / /mnt rw', 'nonsense', '36 35 98:0 / /mnt rw - '])('says unknown to "%s"', (line) => {
    expect(() => parseMountinfo(line)).toThrow(expect.objectContaining({ kind: 'unknown' }));
  });
});

describe('parseSwaps()', () => {
  it('reads partitions and files', () => {
    const text = [
      'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority',
      '/dev/zram0                              partition\t1024\t\t0\t\t100',
      '/swap\\040file                           file\t\t1024\t\t0\t\t-2',
      '',
    ].join('\n');
    expect(parseSwaps(text)).toEqual([
      { path: '/dev/zram0', type: 'partition' },
      { path: '/swap file', type: 'file' },
    ]);
  });

  it('says unknown to a line of one word', () => {
    expect(() => parseSwaps('Filename\n/dev/sda2\n')).toThrow(expect.objectContaining({ kind: 'unknown' }));
  });
});

describe('readMounts(), readAllMounts() and readSwaps()', () => {
  it('read this machine', async () => {
    expect((await readMounts()).some(({ target }) => target === '/proc')).toBe(true);
    expect((await readAllMounts()).some(({ target }) => target === '/')).toBe(true);
    expect(await readSwaps()).toBeInstanceOf(Array);
  });

  it('readAllMounts() joins both views, and a mount of both once', async () => {
    const proc = await mkdtemp(join(tmpdir(), 'isc-proc-'));
    const line = (id: number, target: string) => `${id} 1 8:1 / ${target} rw - ext4 /dev/sda1 rw\n`;
    await mkdir(join(proc, 'self'));
    await mkdir(join(proc, '1'));
    await writeFile(join(proc, 'self/mountinfo'), line(1, '/') + line(2, '/inside'));
    await writeFile(join(proc, '1/mountinfo'), line(1, '/') + line(3, '/host'));
    const targets = (await readAllMounts(proc)).map(({ target }) => target);
    await rm(proc, { recursive: true });
    expect(targets).toEqual(['/', '/inside', '/host']);
    await expect(readAllMounts(proc)).rejects.toMatchObject({ kind: 'unknown' });
  });
});
