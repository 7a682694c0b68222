import { mkdir, readdir, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { detachLoop, loopsOn, readLoops } from '../../host/lab/cleanup.ts';
import { runInside } from './machine.ts';
import type { Node } from './node.ts';
import { run } from './tool.ts';

/** A node's disks are the images in a folder of its own. Sparse. */
export async function makeDisks({ folder, disks }: Node): Promise<void> {
  await mkdir(join(folder, 'disks'));
  for (const [at, sizeBytes] of disks.entries()) {
    await run('truncate', [`--size=${sizeBytes}`, join(folder, `disks/${at}.img`)]);
  }
}

/** With links by which the node knows its own disks, as udevd would make them. */
export async function attachDisks({ folder }: Node): Promise<void> {
  const links = join(folder, 'disk/by-id');
  await rm(links, { recursive: true, force: true });
  await mkdir(links, { recursive: true });
  await mkdir('/dev/disk', { recursive: true });
  for (const image of await readdir(join(folder, 'disks'))) {
    const device = await attach(join(folder, 'disks', image));
    await symlink(device, join(links, linkOf(image)));
  }
}

const attach = async (image: string): Promise<string> => run('losetup', ['--find', '--show', image]);

const linkOf = (image: string): string => `lab-${image.replace('.img', '')}`;

/** Plugs another disk into the node while it is up. */
export async function addDisk(node: Node, name: string, sizeBytes: number): Promise<void> {
  const image = `${name}.img`;
  await run('truncate', [`--size=${sizeBytes}`, join(node.folder, 'disks', image)]);
  const device = await attach(join(node.folder, 'disks', image));
  await runInside(node, ['ln', '--symbolic', device, `/dev/disk/by-id/${linkOf(image)}`]);
}

/** Pulls a disk out, and throws it away. */
export async function removeDisk(node: Node, name: string): Promise<void> {
  const image = `${name}.img`;
  await runInside(node, ['rm', `/dev/disk/by-id/${linkOf(image)}`]);
  const backing = join(node.folder, 'disks', image);
  for (const loop of await readLoops()) if (loop.backing === backing) await detachLoop(loop);
  await rm(backing);
}

/** Takes all of a node's disks from the kernel; nobody has them mounted any more. */
export async function detachDisks({ folder }: Pick<Node, 'folder'>): Promise<void> {
  const loops = loopsOn(folder, await readLoops());
  await detachUpper(loops.map(({ name }) => name));
  for (const loop of loops) await detachLoop(loop);
}

type Attached = { readonly name: string; readonly 'back-ino': number; readonly 'back-maj:min': string };

/**
 * The loop devices that the kubelet put on raw block volumes. They outlive it, and when its mounts are gone they
 * have no path to be known by, only the inode of a partition's node in /dev.
 */
async function detachUpper(lower: readonly string[]): Promise<void> {
  const nodes = (await readdir('/dev')).filter((name) => lower.some((disk) => name.startsWith(`${disk}p`)));
  const inodes = await Promise.all(nodes.map(async (name) => (await stat(join('/dev', name))).ino));
  const dev = (await stat('/dev')).dev;
  const listed = await run('losetup', ['--list', '--json', '--output=NAME,BACK-INO,BACK-MAJ:MIN']);
  if (listed === '') return;
  const { loopdevices } = JSON.parse(listed) as { loopdevices: readonly Attached[] };
  for (const { name, 'back-ino': inode, 'back-maj:min': on } of loopdevices) {
    if (on.trim() === `${dev >> 8}:${dev & 255}` && inodes.includes(inode))
      await run('losetup', ['--detach', name]);
  }
}
