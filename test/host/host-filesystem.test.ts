import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { readFilesystem } from '../../src/host/blkid.ts';
import { NO_CRASHPOINTS } from '../../src/host/crashpoint.ts';
import { createExec } from '../../src/host/exec.ts';
import { preenCommand } from '../../src/host/fsck.ts';
import { growCommand } from '../../src/host/grow.ts';
import { checkMkfsOptions, fsMinimumBytes, mkfsCommand } from '../../src/host/mkfs.ts';
import {
  bindCommand,
  mountCommand,
  remountReadOnlyBindCommand,
  unmountCommand,
} from '../../src/host/mount.ts';
import { makeTargetDirectory } from '../../src/host/paths.ts';
import { parseStatfs, statfsCommand } from '../../src/host/statfs.ts';
import { wipeSignaturesCommand } from '../../src/host/wipefs.ts';
import { FS_TYPES, type FsType } from '../../src/model/volume.ts';
import { run } from './lab/tool.ts';
import { Lab } from './lab.ts';

const MIB = 1024n ** 2n;
const exec = createExec({ crashpoints: NO_CRASHPOINTS });

/** The UUID of the new filesystem. Never twice the same: mkfs.btrfs looks for others of its UUID on the whole machine. */
async function make(fsType: FsType, device: string, text = '', uuid: string = randomUUID()): Promise<string> {
  const checked = checkMkfsOptions(fsType, text);
  if ('refused' in checked) throw new Error(checked.refused);
  const kernel = (await run('uname', ['-r'])).trim();
  await exec(mkfsCommand({ fsType, device, uuid, options: checked.ok, kernel }));
  return uuid;
}

const total = async (path: string) => parseStatfs(await exec(statfsCommand(path))).bytes.total;

/** Filesystems take a part of the device for themselves, more of a small one. */
const CAPACITY_MIN: Readonly<Record<FsType, number>> = { xfs: 0.75, ext4: 0.6, btrfs: 0.9 };

const CAP_SYS_RESOURCE = 24n;

/** The kernel grows a mounted ext4 only for a process with CAP_SYS_RESOURCE, which a sandbox's root may lack. */
async function mayGrow(fsType: FsType): Promise<boolean> {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return fsType !== 'ext4' || ((BigInt(`0x${mask}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}

describe.each(FS_TYPES)('%s', (fsType) => {
  it('of the least size is made over another filesystem, found by its UUID, mounted, grown and unmounted', async () => {
    await using lab = await Lab.create();
    const minimum = fsMinimumBytes(fsType);
    const image = await lab.image('disk.img', minimum);
    const device = await lab.attach(image);
    expect(await readFilesystem(exec, device)).toEqual({ is: 'absent' });
    await run('mkswap', [device]);
    const uuid = await make(fsType, device);
    expect(await readFilesystem(exec, device)).toEqual({ is: 'present', value: { type: fsType, uuid } });
    // As after a kill: mkfs.btrfs refuses a UUID that it finds on this very device.
    await exec(wipeSignaturesCommand(device));
    await make(fsType, device, '', uuid);

    const mnt = lab.path('mnt');
    await makeTargetDirectory(mnt, NO_CRASHPOINTS);
    await exec(mountCommand(fsType, device, mnt, ['noatime']));
    expect(Number(await total(mnt))).toBeGreaterThan(Number(minimum) * CAPACITY_MIN[fsType]);
    await exec(growCommand(fsType, device, mnt));
    await run('truncate', ['--size', `${minimum + 100n * MIB}`, image]);
    await run('losetup', ['--set-capacity', device]);
    if (await mayGrow(fsType)) {
      await exec(growCommand(fsType, device, mnt));
      expect(Number(await total(mnt))).toBeGreaterThan(Number(minimum + 80n * MIB) * CAPACITY_MIN[fsType]);
    }
    await exec(unmountCommand(mnt));
    await expect(exec(unmountCommand(mnt))).rejects.toMatchObject({ kind: 'host-failed' });
  });

  it('of too little is refused by mkfs', async () => {
    await using lab = await Lab.create();
    const sizeBytes = { xfs: 299n * MIB, ext4: 16_384n, btrfs: 108n * MIB }[fsType];
    const device = await lab.attach(await lab.image('disk.img', sizeBytes));
    await expect(make(fsType, device)).rejects.toMatchObject({ kind: 'host-failed' });
  });
});

describe('mkfsOptions', () => {
  it.each([
    ['xfs', '-b size=4096 -d agcount=2,su=64k,sw=2 -i size=1024,maxpct=10,sparse=1,nrext64=0'],
    [
      'xfs',
      '-l size=64m,su=64k,lazy-count=1 -m crc=1,finobt=1,rmapbt=1,reflink=0 -n size=8k,ftype=1 -s size=4k',
    ],
    [
      'ext4',
      '-b 4096 -C 65536 -i 32768 -I 512 -J size=8 -m 2.5 -O bigalloc,^quota -E stride=16,stripe_width=32',
    ],
    ['ext4', '-g 8192 -G 8 -N 1000 -T largefile -O ^has_journal -E num_backup_sb=1,packed_meta_blocks=1'],
    ['btrfs', '-d dup -m single -n 32k -s 4096 -O ^no-holes,extref,skinny-metadata -R quota --csum xxhash'],
    ['btrfs', '-M -n 4096 -s 4096 -R ^free-space-tree'],
  ] as const)('that are allowed for %s are known to its mkfs: %s', async (fsType, text) => {
    await using lab = await Lab.create();
    const device = await lab.attach(await lab.image('disk.img', 1024n * MIB));
    const uuid = await make(fsType, device, text);
    expect(await readFilesystem(exec, device)).toMatchObject({ is: 'present', value: { uuid } });
  });
});

describe('binds', () => {
  it('are read-only after the second step, and say so when they are busy', async () => {
    await using lab = await Lab.create();
    const [staging, target] = [lab.path('staging'), lab.path('target')];
    await makeTargetDirectory(staging, NO_CRASHPOINTS);
    await makeTargetDirectory(target, NO_CRASHPOINTS);
    const device = await lab.attach(await lab.image('disk.img', 32n * MIB));
    await make('ext4', device);
    await exec(mountCommand('ext4', device, staging, []));
    await exec(bindCommand(staging, target));
    await run('touch', [`${target}/file`]);
    await exec(remountReadOnlyBindCommand(target));
    await expect(run('touch', [`${target}/file`])).rejects.toThrow('Read-only file system');
    await run('touch', [`${staging}/file`]);
    await run('mount', ['--bind', target, staging]);
    await exec(unmountCommand(staging));
    await exec(unmountCommand(target));
    await exec(unmountCommand(staging));
  });
});

describe('preenCommand()', () => {
  it('mends an ext4 that lost its clean bit, and gives up on one that lost its superblock', async () => {
    await using lab = await Lab.create();
    const device = await lab.attach(await lab.image('disk.img', 32n * MIB));
    await make('ext4', device);
    await run('debugfs', ['-w', '-R', 'ssv state 2', device]);
    expect((await exec(preenCommand(device))).code).toBe(1);
    expect((await exec(preenCommand(device))).code).toBe(0);
    await run('dd', ['if=/dev/zero', `of=${device}`, 'bs=1k', 'seek=1', 'count=1']);
    await expect(exec(preenCommand(device))).rejects.toMatchObject({ kind: 'host-failed' });
  });
});
