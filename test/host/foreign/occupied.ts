import { constants } from 'node:fs';
import { mkdtemp, open, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../lab/tool.ts';
import { sparse } from './bytes.ts';
import { startHolder } from './child.ts';
import type { ForeignKind, Occupation, Reason } from './kind.ts';
import { partitionedWithExt4 } from './tables.ts';

type Make = ForeignKind['make'];
type Occupy = (devicePath: string) => Promise<Occupation>;

/** In these the bytes are beside the point: most disks are blank, so that nothing but the situation speaks against taking them. */
const BLANK: Make = (image) => sparse(image);
const EXT4: Make = async (image) => {
  await sparse(image);
  await run('mkfs.ext4', ['-q', '-F', image]);
};

function live(
  name: string,
  reason: Reason,
  shows: string,
  make: Make,
  occupy: Occupy,
  needs?: string,
): ForeignKind {
  const kind = { name, want: [reason], shows, make, occupy: settled(occupy) } as const;
  return needs === undefined ? kind : { ...kind, needs };
}

/** Releasing waits until the kernel has let go: a dead namespace is taken down a moment after its last process. */
const settled =
  (occupy: Occupy): Occupy =>
  async (device) => {
    const occupation = await occupy(device);
    return {
      release: async () => {
        await occupation.release();
        await untilFree(device);
      },
    };
  };

const FREE_TIMEOUT_MS = 5_000;

async function untilFree(device: string): Promise<void> {
  const deadline = Date.now() + FREE_TIMEOUT_MS;
  while (!(await isFree(device))) {
    if (Date.now() > deadline)
      throw new Error(`${device} is still in use ${FREE_TIMEOUT_MS} ms after its release`);
    await sleep(10);
  }
}

/** Whether the kernel grants this block device exclusively, which it does when nothing has claimed it. */
export async function isFree(device: string): Promise<boolean> {
  try {
    const file = await open(device, constants.O_RDONLY | constants.O_EXCL);
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

const HOLD_OPEN = `
  const { openSync, constants } = require('node:fs');
  openSync(process.argv[1], constants.O_RDONLY | constants.O_EXCL);
  console.log('held');
  process.stdin.on('end', () => process.exit()).resume();
`;

const holdExclusively: Occupy = (device) => startHolder(process.execPath, ['--eval', HOLD_OPEN, device]);

/** Read-only, so that the mount itself changes no byte and a checksum of the disk means something. */
const MOUNT_FLAGS = ['--types', 'ext4', '--options', 'ro'] as const;

async function withMountPoint(use: (folder: string) => Promise<Occupation>): Promise<Occupation> {
  const folder = await mkdtemp(join(tmpdir(), 'isc-mounted-'));
  const removed = () => rmdir(folder);
  try {
    const { release } = await use(folder);
    return { release: () => release().then(removed) };
  } catch (error) {
    await removed();
    throw error;
  }
}

const mountHere: Occupy = (device) =>
  withMountPoint(async (folder) => {
    await run('mount', [...MOUNT_FLAGS, device, folder]);
    return { release: async () => void (await run('umount', [folder])) };
  });

/** `cat` takes the shell's place, so that the pid we know is the namespace's only process. */
const MOUNT_AND_STAY = 'mount "$@" && echo mounted && exec cat';

const mountElsewhere: Occupy = (device) =>
  withMountPoint((folder) =>
    startHolder('unshare', [
      ...['--mount', '--propagation', 'private'],
      ...['sh', '-c', MOUNT_AND_STAY, 'sh', ...MOUNT_FLAGS, device, folder],
    ]),
  );

/** Shows the first partition to the kernel while `occupy` has it. */
const onPartition =
  (occupy: Occupy): Occupy =>
  async (device) => {
    await run('partx', ['--add', '--nr', '1', device]);
    const hide = () => run('partx', ['--delete', '--nr', '1', device]);
    try {
      const { release } = await settled(occupy)(`${device}p1`);
      return { release: async () => void (await release().then(hide)) };
    } catch (error) {
      await hide();
      throw error;
    }
  };

const useAsSwap: Occupy = async (device) => {
  await run('swapon', [device]);
  return { release: async () => void (await run('swapoff', [device])) };
};

/** A second loop device over `backing`, and gone again. */
async function loopOver(backing: string): Promise<Occupation> {
  const upper = (await run('losetup', ['--find', '--show', backing])).trim();
  return { release: async () => void (await run('losetup', ['--detach', upper])) };
}

const loopOverSameFile: Occupy = async (device) =>
  loopOver((await run('losetup', ['--noheadings', '--output', 'BACK-FILE', device])).trim());

const setReadOnly: Occupy = async (device) => {
  await run('blockdev', ['--setro', device]);
  return { release: async () => void (await run('blockdev', ['--setrw', device])) };
};

export const OCCUPIED: readonly ForeignKind[] = [
  live('a blank disk that another process holds with O_EXCL', 'busy', 'silent', BLANK, holdExclusively),
  live(
    'a disk with a partition that another process holds',
    'busy',
    'PTTYPE=gpt',
    partitionedWithExt4,
    onPartition(holdExclusively),
    'sfdisk',
  ),
  live('a disk mounted in another mount namespace', 'busy', 'TYPE=ext4', EXT4, mountElsewhere),
  live('a mounted disk', 'mounted', 'TYPE=ext4', EXT4, mountHere),
  live(
    'a disk with a mounted partition',
    'mounted',
    'PTTYPE=gpt',
    partitionedWithExt4,
    onPartition(mountHere),
    'sfdisk',
  ),
  {
    ...live(
      'a disk in use as swap',
      'swap',
      'TYPE=swap',
      async (image) => {
        await sparse(image);
        await run('mkswap', [image]);
      },
      useAsSwap,
    ),
    keptBytes: 4096,
  },
  live('a blank disk with a loop device on top', 'holds another device', 'silent', BLANK, loopOver),
  live('a blank disk that is seen twice', 'duplicate identity', 'silent', BLANK, loopOverSameFile),
  live('a blank read-only disk', 'read-only', 'silent', BLANK, setReadOnly),
];
