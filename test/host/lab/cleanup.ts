import { readdir, readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './tool.ts';

/** Others look at every disk of the machine, and one that is looked at is in use for a moment. */
const RELEASE_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

type Loop = { readonly name: string; readonly backing: string };
type Mount = {
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly source: string;
};

/**
 * Undoes everything that stands on a lab's folder, then removes the folder: swap, mounts (binds of device
 * nodes included), loop partitions, loop devices, what their files lie on, in this order. It asks the kernel, not a memory of what was
 * made, so that what a killed driver left behind goes as well. Loop devices count as the lab's by their
 * backing file, so no other disk is ever touched. Without the folder there is nothing to do.
 * @throws when something stays in use (say, mounted in another namespace); the folder is kept then.
 */
export async function cleanUp(folder: string): Promise<void> {
  const loops = loopsOn(folder, await readLoops());
  await swapOff(loops);
  const mounts = await mountsOf(folder, loops);
  const carries = ({ point }: Mount) => loops.some(({ backing }) => backing.startsWith(`${point}/`));
  for (const mount of mounts.filter((one) => !carries(one))) await unmount(mount.point);
  for (const loop of loops) await detachLoop(loop);
  for (const mount of mounts.filter(carries)) await unmount(mount.point);
  await rm(folder, { recursive: true, force: true });
}

/** The loop devices whose backing file is in the folder, or that stand on such a device; the upper ones first. */
export function loopsOn(folder: string, all: readonly Loop[]): readonly Loop[] {
  const found = all.filter(({ backing }) => backing.startsWith(`${folder}/`));
  for (const lower of found) {
    found.push(...all.filter((loop) => loopOf(loop.backing) === lower.name && !found.includes(loop)));
  }
  return found.reverse();
}

/** The loop device that a path in /dev belongs to, as itself or as its partition; also as mountinfo writes a bind of the node. */
function loopOf(path: string): string | undefined {
  return /^\/(?:dev\/)?(loop\d+)(?:p\d+)?(?:\/\/deleted)?$/.exec(path)?.[1];
}

export async function readLoops(): Promise<readonly Loop[]> {
  const names = (await readdir('/sys/block')).filter((name) => /^loop\d+$/.test(name));
  const loops = await Promise.all(names.map(readLoop));
  return loops.filter((loop) => loop !== undefined);
}

async function readLoop(name: string): Promise<Loop | undefined> {
  try {
    return { name, backing: (await readFile(`/sys/block/${name}/loop/backing_file`, 'utf8')).trim() };
  } catch (error) {
    // A device that nothing is attached to has no such file, or loses it while it is being read.
    if (['ENOENT', 'ENXIO', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

async function swapOff(loops: readonly Loop[]): Promise<void> {
  const swaps = (await readFile('/proc/swaps', 'utf8')).split('\n').map((line) => line.split(/\s/)[0] ?? '');
  for (const path of swaps.filter((swap) => isOn(loops, swap))) await run('swapoff', [path]);
}

const isOn = (loops: readonly Loop[], path: string): boolean =>
  loops.some(({ name }) => name === loopOf(path));

/** The upper ones first. */
async function mountsOf(folder: string, loops: readonly Loop[]): Promise<readonly Mount[]> {
  const mounts = parseMounts(await readFile('/proc/self/mountinfo', 'utf8'));
  const ours = mounts.filter(
    ({ root, point, type, source }) =>
      point.startsWith(`${folder}/`) || isOn(loops, source) || (type === 'devtmpfs' && isOn(loops, root)),
  );
  return ours.reverse();
}

/** The mounts in the kernel's order, in which an upper one follows what it stands on. */
function parseMounts(mountinfo: string): Mount[] {
  return mountinfo
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [left = '', right = ''] = line.split(' - ');
      const [, , , root = '', point = ''] = left.split(' ').map(unescapeOctal);
      const [type = '', source = ''] = right.split(' ').map(unescapeOctal);
      return { root, point, type, source };
    });
}

const unescapeOctal = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** A process that was just killed may hold the mount for a moment more; past that it is cut off from the tree. */
async function unmount(point: string): Promise<void> {
  await release('umount', [point]).catch(async () => run('umount', ['--lazy', point]));
}

/** @throws the command's last refusal, when what it is to release stays in use */
async function release(file: string, args: readonly string[]): Promise<void> {
  const deadline = Date.now() + RELEASE_TIMEOUT_MS;
  for (;;) {
    try {
      await run(file, args);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(POLL_MS);
    }
  }
}

/**
 * Removes a loop device's partitions and detaches it, if it still has that backing file.
 * @throws when it stays in use.
 */
export async function detachLoop(loop: Loop): Promise<void> {
  if (!(await isAttached(loop))) return;
  const entries = await readdir(`/sys/block/${loop.name}`);
  if (entries.some((entry) => entry.startsWith(`${loop.name}p`))) {
    await release('partx', ['--delete', `/dev/${loop.name}`]);
  }
  await run('losetup', ['--detach', `/dev/${loop.name}`]);
  const deadline = Date.now() + RELEASE_TIMEOUT_MS;
  while (await isAttached(loop)) {
    if (Date.now() > deadline)
      throw new Error(`Cannot detach /dev/${loop.name} from ${loop.backing}: it is in use`);
    await sleep(POLL_MS);
  }
}

/** The number alone proves nothing: once free, it goes to the next who asks for a loop device. */
async function isAttached(loop: Loop): Promise<boolean> {
  return (await readLoop(loop.name))?.backing === loop.backing;
}
