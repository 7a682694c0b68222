import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import { readLoops } from './lab/cleanup.ts';
import { run } from './lab/tool.ts';
import { checksum, Lab } from './lab.ts';

const DISK_BYTES = 64n * 1024n * 1024n;
const LAB_MODULE = fileURLToPath(new URL('lab.ts', import.meta.url));

/** A mounted partition, a bind of its node and a loop device on the whole, which is returned: what a killed driver may leave. */
async function leaveThings(lab: Lab, bindPoint: string): Promise<string> {
  const device = await lab.attach(await lab.image('disk.img', DISK_BYTES));
  await run('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', device], {
    input: 'label: gpt\nstart=2048\n',
  });
  await run('partx', ['--add', '--nr', '1', device]);
  await run('mkfs.ext4', ['-q', `${device}p1`]);
  await mkdir(lab.path('mnt'));
  await run('mount', [`${device}p1`, lab.path('mnt')]);
  await run('mount', ['--bind', `${device}p1`, bindPoint]);
  return (await run('losetup', ['--find', '--show', device])).trim();
}

/** The kernel counts what is attached: other tests may have a device of the same name by now, and none of this number. */
const sequenceOf = (name: string): Promise<string> => readFile(`/sys/block/${name}/diskseq`, 'utf8');

async function sequences(): Promise<readonly string[]> {
  return Promise.all((await readLoops()).map(({ name }) => sequenceOf(name)));
}

/** Runs a lab in a process of its own that prints its folder, then stays or ends without disposing. */
const ELSEWHERE = `
  const { Lab } = await import(process.argv[1]);
  const lab = await Lab.create();
  await lab.attach(await lab.image('disk.img', ${DISK_BYTES}n));
  console.log(lab.folder);
  if (process.argv[2] === 'stay') setInterval(() => {}, 1000);
`;

function runElsewhere(then: 'stay' | 'end') {
  const args = ['--input-type=module', '--eval', ELSEWHERE, LAB_MODULE, then];
  return execa(process.execPath, args, { reject: false, timeout: 4_000, killSignal: 'SIGKILL' });
}

async function traces(folder: string): Promise<readonly string[]> {
  const loops = (await readLoops()).filter(({ backing }) => backing.startsWith(folder));
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => line.includes(folder));
  const folders = (await readdir(tmpdir())).filter((name) => folder.endsWith(`/${name}`));
  return [...loops.map(({ name }) => name), ...mounts, ...folders];
}

async function untilNoTrace(folder: string): Promise<readonly string[]> {
  for (const deadline = Date.now() + 5_000; Date.now() < deadline; await sleep(50)) {
    if ((await traces(folder)).length === 0) return [];
  }
  return traces(folder);
}

async function writeByte(device: string, value: string): Promise<void> {
  const args = [`of=${device}`, 'bs=1', 'seek=40000000', 'conv=notrunc,fsync', 'status=none'];
  await run('dd', args, { input: value });
}

describe('Lab', () => {
  it('undoes mounts, binds, partitions and stacked loop devices at its end', async () => {
    await using elsewhere = await Lab.create();
    await writeFile(elsewhere.path('node'), '');
    const lab = await Lab.create();
    const stacked = await sequenceOf(basename(await leaveThings(lab, elsewhere.path('node'))));
    await lab[Symbol.asyncDispose]();
    expect(await traces(lab.folder)).toEqual([]);
    expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(elsewhere.folder);
    expect(await sequences()).not.toContain(stacked);
  });

  it('undoes a mount that carries the image of a disk only after the disk', async () => {
    const lab = await Lab.create();
    await mkdir(lab.path('ram'));
    await run('mount', ['-t', 'ramfs', 'none', lab.path('ram')]);
    const disk = await sequenceOf(basename(await lab.attach(await lab.image('ram/disk.img', DISK_BYTES))));
    await lab[Symbol.asyncDispose]();
    expect(await traces(lab.folder)).toEqual([]);
    expect(await sequences()).not.toContain(disk);
  });

  it.each(['SIGKILL', 'SIGINT'] as const)('is cleaned up when its process ends by %s', async (signal) => {
    const child = runElsewhere('stay');
    const [line] = await once(child.stdout, 'data');
    const folder = String(line).trim();
    expect((await traces(folder)).length).toBeGreaterThan(0);
    child.kill(signal);
    await child;
    expect(await untilNoTrace(folder)).toEqual([]);
  });

  it('neither keeps a process alive that forgot it nor outlives it', async () => {
    const { stdout, timedOut } = await runElsewhere('end');
    expect(timedOut).toBe(false);
    expect(await untilNoTrace(stdout.trim())).toEqual([]);
  });

  it('detach() refuses a device of somebody else', async () => {
    await using lab = await Lab.create();
    await using other = await Lab.create();
    const device = await other.attach(await other.image('disk.img', DISK_BYTES));
    await expect(lab.detach(device)).rejects.toThrow('it is no disk of');
  });

  it('attach() makes read-only disks and disks of 4096-byte sectors', async () => {
    await using lab = await Lab.create();
    const device = await lab.attach(await lab.image('disk.img', DISK_BYTES), {
      readOnly: true,
      sectorSizeBytes: 4096,
    });
    expect(await run('blockdev', ['--getro', '--getss', device])).toBe('1\n4096');
  });
});

describe('checksum()', () => {
  it('is one for an image and the device on it, and sees a single byte', async () => {
    await using lab = await Lab.create();
    const image = await lab.image('disk.img', DISK_BYTES);
    const device = await lab.attach(image);
    const blank = await checksum(image);
    expect(await checksum(device)).toBe(blank);
    await writeByte(device, 'x');
    const withX = await checksum(device);
    await writeByte(device, 'y');
    const withY = await checksum(device);
    expect(new Set([blank, withX, withY]).size).toBe(3);
    expect(await checksum(image)).toBe(withY);
  });

  it('tells sizes apart', async () => {
    await using lab = await Lab.create();
    const [small, large] = [
      await lab.image('small', DISK_BYTES),
      await lab.image('large', DISK_BYTES + 512n),
    ];
    expect(await checksum(small)).not.toBe(await checksum(large));
  });
});
