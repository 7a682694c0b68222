import { access, cp, lstat, mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from '../host/lab/tool.ts';
import type { Made } from '../player/player.ts';
import { mountsBelow, type SeenMount, tree } from './state.ts';
import type { World } from './world.ts';

/** What a world was between two calls, on files: a later run begins here. */
export type Situation = {
  readonly folder: string;
  readonly made: Made | undefined;
  readonly emptyBytes: bigint;
  readonly kubelet: readonly string[];
  readonly mounts: readonly SeenMount[];
  readonly partitions: readonly string[];
};

/** Copies everything that a world is to `folder`. Its driver may run, but not be at work. */
export async function save(world: World, folder: string): Promise<Situation> {
  const mounts = await mountsBelow(world.folder);
  const disk = basename(world.device);
  const partitions = (await readdir(`/sys/block/${disk}`))
    .filter((name) => name.startsWith(`${disk}p`))
    .sort();
  const filesystems = mounts.filter(({ fsType }) => fsType !== 'devtmpfs').map(({ target }) => target);
  await run('sync', ['--file-system', world.image, ...filesystems]);
  await run('sync', [world.device, ...partitions.map((name) => `/dev/${name}`)]);
  await mkdir(folder, { recursive: true });
  await copyImage(world.image, folder);
  await copyIfThere(join(world.folder, 'state'), join(folder, 'state'));
  const kubelet = await tree(join(world.folder, 'kubelet'));
  const { made, emptyBytes } = world;
  const numbers = partitions.map((name) => name.slice(disk.length + 1));
  return { folder, made, emptyBytes, kubelet, mounts, partitions: numbers };
}

/**
 * As after save(), with no driver: disk, kernel, mounts, files. The folder is the same, as a loop disk is known by the
 * path of its image; so are the node's name and with it the handles.
 */
export async function restore(world: World, situation: Situation): Promise<void> {
  await world.clear();
  await mkdir(world.folder, { recursive: true });
  await copyImage(join(situation.folder, 'disk.img'), world.folder);
  await copyIfThere(join(situation.folder, 'state'), join(world.folder, 'state'));
  await world.attach();
  world.made = situation.made;
  world.emptyBytes = situation.emptyBytes;
  for (const path of situation.kubelet) await makePath(join(world.folder, 'kubelet', path));
  for (const number of situation.partitions) await run('partx', ['--add', '--nr', number, world.device]);
  for (const mount of situation.mounts) await remount(world, mount, situation);
}

async function copyImage(image: string, folder: string): Promise<void> {
  await run('cp', ['--sparse=always', '--reflink=auto', image, folder]);
}

/** A folder when it ends in a slash, else an empty file. */
async function makePath(path: string): Promise<void> {
  if (path.endsWith('/')) await mkdir(path, { recursive: true, mode: 0o750 });
  else await writeFile(path, '', { mode: 0o640 });
}

/** The first mount of a filesystem is one of its device, the others are binds of the first. */
async function remount(world: World, mount: SeenMount, situation: Situation): Promise<void> {
  const device = (path: string) => path.replace(/loop\d+/, basename(world.device));
  const { target } = mount;
  if (mount.fsType === 'devtmpfs') {
    await run('mount', ['--bind', device(`/dev${mount.root}`), target]);
    return;
  }
  const first = situation.mounts.find(({ source }) => source === mount.source);
  if (first === undefined || first === mount) {
    await run('mount', ['--types', mount.fsType, device(mount.source), target]);
  } else {
    await run('mount', ['--bind', first.target, target]);
  }
  if (mount.readOnly) await run('mount', ['--options', 'remount,bind,ro', target]);
}

async function copyIfThere(from: string, to: string): Promise<void> {
  const there = await access(from).then(
    () => true,
    () => false,
  );
  if (there) await cp(from, to, { recursive: true, filter: isKept });
}

/** A socket is its driver's, and no file. */
const isKept = async (path: string): Promise<boolean> => !(await lstat(path)).isSocket();
