import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { listDisks, loopsOn, readDisk, readLoops, readPartition } from '../../src/host/sysfs.ts';
import { readUseFacts, usageOf, usersOf } from '../../src/host/usage.ts';
import { watchDevices } from '../../src/host/watch.ts';
import type { Disk } from '../../src/model/disk.ts';
import { run } from './lab/tool.ts';
import { Lab } from './lab.ts';

const MIB = 1024n ** 2n;
const DISK_BYTES = 64n * MIB;

/** A disk with partitions 1 (1 MiB at 1 MiB) and 2 (32 MiB at 4 MiB) that the kernel knows. */
async function partitioned(lab: Lab): Promise<string> {
  const device = await lab.attach(await lab.image('disk.img', DISK_BYTES));
  const input = 'label: gpt\nstart=2048, size=2048\nstart=8192, size=65536\n';
  await run('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', device], { input });
  await run('partx', ['--add', device]);
  return device;
}

async function found(device: string): Promise<Disk> {
  const answer = await readDisk(basename(device));
  if (answer.is !== 'present') throw new Error(`${device} is ${answer.is}`);
  return answer.value;
}

const use = async (device: string) => usageOf(await found(device), await readUseFacts());

describe('listDisks()', () => {
  it('reads a loop device with its partitions', async () => {
    await using lab = await Lab.create();
    const device = await partitioned(lab);
    const disk = (await listDisks()).find(({ path }) => path === device);
    expect(disk).toMatchObject({
      name: basename(device),
      sizeBytes: DISK_BYTES,
      logicalBlockBytes: 512,
      readOnly: false,
      removable: false,
      transport: 'loop',
      identity: `loop:${lab.path('disk.img')}`,
      partitions: [
        { number: 1, path: `${device}p1`, startBytes: MIB, sizeBytes: MIB },
        { number: 2, path: `${device}p2`, startBytes: 4n * MIB, sizeBytes: 32n * MIB },
      ],
    });
  });

  it('sees read-only disks and blocks of 4096 bytes', async () => {
    await using lab = await Lab.create();
    const image = await lab.image('disk.img', DISK_BYTES);
    const device = await lab.attach(image, { readOnly: true, sectorSizeBytes: 4096 });
    expect(await found(device)).toMatchObject({
      readOnly: true,
      logicalBlockBytes: 4096,
      sizeBytes: DISK_BYTES,
    });
  });

  it('gives no identity to a loop device whose file was deleted', async () => {
    await using lab = await Lab.create();
    const device = await lab.attach(await lab.image('disk.img', DISK_BYTES));
    await rm(lab.path('disk.img'));
    expect((await found(device)).identity).toBeUndefined();
    await run('losetup', ['--detach', device]);
  });

  it('counts up diskSeq when another disk takes the name', async () => {
    await using lab = await Lab.create();
    const image = await lab.image('disk.img', DISK_BYTES);
    const device = await lab.attach(image);
    const before = (await found(device)).diskSeq;
    await lab.detach(device);
    expect(await readDisk(basename(device))).toEqual({ is: 'absent' });
    await run('losetup', [device, image]);
    expect((await found(device)).diskSeq).not.toBe(before);
  });
});

describe('readPartition()', () => {
  it('follows what the kernel is told, one partition at a time', async () => {
    await using lab = await Lab.create();
    const device = await partitioned(lab);
    const name = basename(device);
    expect(await readPartition(name, 2)).toMatchObject({ is: 'present', value: { startBytes: 4n * MIB } });
    await run('delpart', [device, '2']);
    expect(await readPartition(name, 2)).toEqual({ is: 'absent' });
    expect(await readPartition(name, 1)).toMatchObject({ is: 'present' });
  });
});

describe('usageOf() and usersOf()', () => {
  it('see a mounted filesystem, until it is unmounted', async () => {
    await using lab = await Lab.create();
    const device = await partitioned(lab);
    await run('mkfs.ext4', ['-q', `${device}p2`]);
    await mkdir(lab.path('a mount'));
    await run('mount', [`${device}p2`, lab.path('a mount')]);
    expect(await use(device)).toEqual({
      root: false,
      mounts: [`${lab.path('a mount')} (ext4 on ${device}p2)`],
      swaps: [],
      holders: [],
    });
    const [, p2] = (await found(device)).partitions;
    if (p2 === undefined) throw new Error('no partition 2');
    expect(usersOf(p2, await readUseFacts(), [lab.path('a mount')])).toEqual([]);
    await run('umount', [lab.path('a mount')]);
    expect(await use(device)).toEqual({ root: false, mounts: [], swaps: [], holders: [] });
  });

  it('see btrfs, whose mounts have no number of a device', async () => {
    await using lab = await Lab.create();
    const device = await lab.attach(await lab.image('disk.img', 128n * MIB));
    await run('mkfs.btrfs', ['-q', device]);
    await mkdir(lab.path('mnt'));
    await run('mount', [device, lab.path('mnt')]);
    expect((await use(device)).mounts).toEqual([`${lab.path('mnt')} (btrfs on ${device})`]);
  });

  it('see a bind of the device node that nobody has open, and a loop device on that bind', async () => {
    await using lab = await Lab.create();
    const device = await partitioned(lab);
    await writeFile(lab.path('node'), '');
    await run('mount', ['--bind', `${device}p2`, lab.path('node')]);
    expect((await use(device)).mounts).toEqual([`device node ${device}p2 bound at ${lab.path('node')}`]);
    const inner = (await run('losetup', ['--find', '--show', lab.path('node')])).trim();
    expect((await use(device)).holders).toEqual([`${basename(inner)} on ${device}p2`]);
    await run('losetup', ['--detach', inner]);
  });

  it('see a bind of a node that was deleted', async () => {
    await using lab = await Lab.create();
    const device = await partitioned(lab);
    const before = await found(device);
    await writeFile(lab.path('node'), '');
    await run('mount', ['--bind', `${device}p2`, lab.path('node')]);
    await run('delpart', [device, '2']);
    expect(usageOf(before, await readUseFacts()).mounts).toEqual([
      `device node ${device}p2 bound at ${lab.path('node')}`,
    ]);
  });

  it('see a loop device on a partition', async () => {
    await using lab = await Lab.create();
    const device = await partitioned(lab);
    const inner = (await run('losetup', ['--find', '--show', `${device}p2`])).trim();
    expect(await loopsOn(`${device}p2`)).toEqual([basename(inner)]);
    expect(await readLoops()).toContainEqual({ name: basename(inner), backingFile: `${device}p2` });
    expect((await use(device)).holders).toEqual([`${basename(inner)} on ${device}p2`]);
  });
});

describe('watchDevices()', () => {
  it('calls back once for several nodes that come, not for partitions, and not when closed', async () => {
    await using lab = await Lab.create();
    const device = await lab.attach(await lab.image('disk.img', DISK_BYTES));
    const input = 'label: gpt\nstart=2048, size=2048\nstart=8192, size=65536\n';
    await run('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', device], { input });
    // No disk can be made to come with a node of its own here: /dev holds files as well.
    const nodes = ['a', 'b'].map((name) => `/dev/${basename(lab.folder)}-${name}`);
    let calls = 0;
    const watching = watchDevices(() => (calls += 1), { everyMs: 60_000 });
    try {
      for (const node of nodes) await writeFile(node, '');
      await sleep(1500);
      expect(calls).toBe(1);
      await run('partx', ['--add', device]);
      await sleep(1000);
      expect(calls).toBe(1);
      watching.close();
    } finally {
      for (const node of nodes) await rm(node, { force: true });
    }
    await sleep(700);
    expect(calls).toBe(1);
  });

  it('calls back by the clock', async () => {
    let calls = 0;
    const watching = watchDevices(() => (calls += 1), { everyMs: 20 });
    await sleep(200);
    watching.close();
    expect(calls).toBeGreaterThan(2);
  });
});
