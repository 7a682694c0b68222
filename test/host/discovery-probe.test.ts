import { mkdir, open, readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { NO_CRASHPOINTS } from '../../src/host/crashpoint.ts';
import { createExec } from '../../src/host/exec.ts';
import { probeDisk } from '../../src/host/probe.ts';
import type { DiskBytes } from '../../src/model/disk.ts';
import { encodeGpt, parseGpt } from '../../src/model/gpt.ts';
import { run } from './lab/tool.ts';
import { Lab } from './lab.ts';

const MIB = 1024n ** 2n;
const DISK_BYTES = 100n * MIB;
const SAMPLE = { sample: true, fingerprint: false, claim: true };

const exec = createExec({ crashpoints: NO_CRASHPOINTS });

async function read(path: string, sizeBytes = DISK_BYTES): Promise<DiskBytes> {
  const content = await probeDisk(exec, { path, sizeBytes }, SAMPLE);
  if (content.is !== 'read') throw new Error(JSON.stringify(content));
  return content.bytes;
}

const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);

describe('probeDisk()', () => {
  it('finds a blank disk blank and free', async () => {
    await using lab = await Lab.create();
    const bytes = await read(await lab.attach(await lab.image('disk.img', DISK_BYTES)));
    expect(bytes).toMatchObject({
      exclusive: 'free',
      dirtyAt: 'none',
      fingerprint: undefined,
      signatures: [],
    });
    expect([bytes.head, bytes.note, bytes.tail].map(isZero)).toEqual([true, true, true]);
  });

  it('finds the filesystem behind a wiped first MiB of an MBR disk, of which blkid says nothing', async () => {
    await using lab = await Lab.create();
    const image = await lab.image('disk.img', DISK_BYTES);
    await run('mkfs.ext4', ['-q', '-E', `offset=${MIB}`, image, '90M']);
    const bytes = await read(await lab.attach(image));
    expect(bytes.signatures).toEqual([]);
    expect(bytes.dirtyAt).toBeGreaterThan(MIB);
    expect(isZero(bytes.head)).toBe(true);
  });

  it('tells signatures with their places', async () => {
    await using lab = await Lab.create();
    const device = await lab.attach(await lab.image('disk.img', DISK_BYTES));
    await run('mkfs.ext4', ['-q', device]);
    expect((await read(device)).signatures).toEqual([{ usage: 'other', type: 'ext4', at: 'byte 1080' }]);
    await run('wipefs', ['-aq', device]);
    await run('sfdisk', ['-q', device], { input: 'label: gpt\n' });
    expect((await read(device)).signatures).toContainEqual({ usage: 'table', type: 'gpt', at: 'byte 512' });
  });

  it('finds a disk busy of which a partition is mounted, and reads it all the same', async () => {
    await using lab = await Lab.create();
    const device = await lab.attach(await lab.image('disk.img', DISK_BYTES));
    await run('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', device], {
      input: 'label: gpt\nstart=2048\n',
    });
    await run('partx', ['--add', device]);
    expect((await read(device)).exclusive).toBe('free');
    await run('mkfs.ext4', ['-q', `${device}p1`]);
    await mkdir(lab.path('mnt'));
    await run('mount', [`${device}p1`, lab.path('mnt')]);
    const bytes = await read(device);
    expect(bytes.exclusive).toBe('busy');
    expect(bytes.signatures).toContainEqual(expect.objectContaining({ type: 'gpt' }));
  });

  it('reads what was written through a partition, not what was cached of the disk', async () => {
    await using lab = await Lab.create();
    const device = await lab.attach(await lab.image('disk.img', DISK_BYTES));
    await run('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', device], {
      input: 'label: gpt\nstart=2048\n',
    });
    await run('partx', ['--add', device]);
    expect(isZero((await read(device)).note)).toBe(true);
    await run('dd', [`of=${device}p1`, 'conv=fsync,notrunc', 'status=none'], { input: 'note' });
    expect(Buffer.from((await read(device)).note).toString('latin1', 0, 4)).toBe('note');
  });

  it('fails, which is not blank, for a disk that is gone or has another size', async () => {
    await using lab = await Lab.create();
    const device = await lab.attach(await lab.image('disk.img', DISK_BYTES));
    expect(await probeDisk(exec, { path: device, sizeBytes: DISK_BYTES - 512n }, SAMPLE)).toEqual({
      is: 'failed',
      why: `${device} has ${DISK_BYTES} bytes, but had ${DISK_BYTES - 512n}`,
    });
    await lab.detach(device);
    expect((await probeDisk(exec, { path: device, sizeBytes: DISK_BYTES }, SAMPLE)).is).toBe('failed');
    const nowhere = await probeDisk(exec, { path: '/dev/nowhere', sizeBytes: DISK_BYTES }, SAMPLE);
    expect(nowhere).toMatchObject({ is: 'failed', why: expect.stringContaining('ENOENT') });
  });

  it('gives up on an open that does not return', async () => {
    await using lab = await Lab.create();
    // A pipe that nobody writes to stands for a hanging disk: no test machine has one of those.
    await run('mkfifo', [lab.path('pipe')]);
    const hasty: typeof exec = (command) => exec({ ...command, timeoutMs: 500 });
    const content = await probeDisk(hasty, { path: lab.path('pipe'), sizeBytes: DISK_BYTES }, SAMPLE);
    expect(content).toMatchObject({ is: 'failed', why: expect.stringContaining('did not return within') });
  });
});

describe('encodeGpt()', () => {
  it('writes byte for byte what sfdisk writes on a disk of 4096-byte blocks', async () => {
    await using lab = await Lab.create();
    const image = await lab.image('disk.img', DISK_BYTES);
    const device = await lab.attach(image, { sectorSizeBytes: 4096 });
    const input = 'label: gpt\ntable-length: 256\nfirst-lba: 256\nstart=256, size=256, name="owner"\n';
    await run('sfdisk', ['-q', device], { input });
    const bytes = await read(device);
    const { primary, backup } = parseGpt(bytes.head, bytes.tail, 4096, DISK_BYTES);
    if (primary.is !== 'whole') throw new Error(JSON.stringify(primary));
    expect(backup).toMatchObject({ is: 'whole', table: primary.table });
    await lab.detach(device);
    const written = await readFile(image);
    await using copy = await open(await lab.image('copy.img', DISK_BYTES), 'r+');
    for (const { offset, bytes } of encodeGpt(primary.table, DISK_BYTES)) {
      await copy.write(bytes, 0, bytes.length, Number(offset));
    }
    expect(written.equals(await readFile(lab.path('copy.img')))).toBe(true);
  });
});
