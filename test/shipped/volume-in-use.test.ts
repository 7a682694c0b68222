import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '../host/lab/tool.ts';
import type { Made, Wanted } from '../player/player.ts';
import {
  bytesOf,
  entryOf,
  mountsAt,
  partitionOf,
  refusal,
  tableOf,
  untilAvailable,
  VOLUME_TYPE,
} from './volume/seen.ts';
import { eventually, GIB, MIB, World } from './volume/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.of([2n * GIB]);
});
afterAll(() => world[Symbol.asyncDispose]());

let count = 0;
async function unstaged(access: Wanted['access'] = 'ext4'): Promise<Made> {
  count += 1;
  const made = await world.player.create({ name: `pvc-${count}`, sizeBytes: 16n * MIB, access });
  await world.player.stage(made);
  await world.player.unstage(made);
  return made;
}

/** DeleteVolume is refused in words, with the slice, its partition and its bytes as they were; afterwards granted. */
async function expectRefusedWhile(made: Made, words: RegExp, release: () => Promise<unknown>): Promise<void> {
  const partition = await partitionOf(world.device(), made.id);
  const before = await bytesOf(partition);
  try {
    const refused = await refusal(world.player.delete(made.id));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(words);
    expect((await entryOf(world.device(), made.id)).type).toBe(VOLUME_TYPE);
    // A mounted filesystem goes on writing by itself.
    if (!(await isMounted(partition))) expect(await bytesOf(partition)).toBe(before);
  } finally {
    await release();
  }
  await world.player.delete(made.id);
  expect((await tableOf(world.device())).map(({ uuid }) => uuid)).not.toContain(made.id);
}

async function isMounted(partition: string): Promise<boolean> {
  return (await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${partition} `);
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

describe('DeleteVolume() of a volume in use', () => {
  it('is refused while a pod has it mounted', async () => {
    const made = await unstaged();
    await world.player.stage(made);
    const target = await world.player.publish(made);
    await expectRefusedWhile(made, new RegExp(`is in use: .*${target} \\(ext4 on`), async () => {
      await world.player.unpublish(made);
      await world.player.unstage(made);
    });
  });

  it('is refused while somebody else has it mounted', async () => {
    const made = await unstaged('xfs');
    const path = world.lab.path('elsewhere');
    await mkdir(path);
    await run('mount', [await partitionOf(world.device(), made.id), path]);
    await expectRefusedWhile(made, new RegExp(`${path} \\(xfs on`), () => run('umount', [path]));
  });

  it('is refused while its device node is open, and the kernel keeps the partition', async () => {
    const made = await unstaged('block');
    const file = await open(await partitionOf(world.device(), made.id), 'r');
    await expectRefusedWhile(made, /is open somewhere: the kernel keeps it busy/, () => file.close());
  });

  it('is refused while a loop device stands on its partition', async () => {
    const made = await unstaged('block');
    const loop = (
      await run('losetup', ['--find', '--show', await partitionOf(world.device(), made.id)])
    ).trim();
    await expectRefusedWhile(made, new RegExp(`${loop.slice('/dev/'.length)} on /dev/loop`), async () => {
      await run('losetup', ['--detach', loop]);
      await eventually(
        async () => !(await run('losetup', ['--list', '--noheadings', '-O', 'NAME'])).includes(`${loop}\n`),
      );
    });
  });

  it('is refused while it is mounted in another mount namespace', async () => {
    const made = await unstaged();
    const partition = await partitionOf(world.device(), made.id);
    const path = world.lab.path('hidden');
    await mkdir(path);
    const script = `mount -o ro,noload ${partition} ${path} && echo mounted && exec sleep 600`;
    const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (child.stdout === null) throw new Error('no output');
    await once(child.stdout, 'data');
    expect(await mountsAt(path)).toEqual([]);
    await expectRefusedWhile(made, /is open somewhere: the kernel keeps it busy/, () => end(child));
  });

  it('is refused while its device node is bound somewhere, which nobody needs to have open', async () => {
    const made = await unstaged('block');
    const path = world.lab.path('bound-node');
    await writeFile(path, '');
    const partition = await partitionOf(world.device(), made.id);
    await run('mount', ['--bind', partition, path]);
    await expectRefusedWhile(made, new RegExp(`device node ${partition} bound at ${path}`), () =>
      run('umount', [path]),
    );
  });

  it('is refused while a pod has its block device', async () => {
    const made = await unstaged('block');
    await world.player.stage(made);
    const target = await world.player.publish(made);
    await expectRefusedWhile(made, new RegExp(`bound at ${target}`), async () => {
      await world.player.unpublish(made);
      await world.player.unstage(made);
    });
  });

  it('is refused while it is swapped to', async () => {
    const made = await unstaged('block');
    const partition = await partitionOf(world.device(), made.id);
    await run('mkswap', [partition]);
    await run('swapon', [partition]);
    await expectRefusedWhile(made, new RegExp(`swap on ${partition}`), () => run('swapoff', [partition]));
  });
});

describe('DeleteVolume() of a volume that only a forgotten staging mount holds', () => {
  it.each(['ext4', 'block'] as const)('%s: undoes the mount and deletes it', async (access) => {
    const { availableBytes } = await world.player.capacity();
    const made = await unstaged(access);
    const path = await world.player.stage(made);
    await world.player.delete(made.id);
    expect(await mountsAt(path)).toEqual([]);
    await untilAvailable(world, availableBytes);
  });

  it('leaves the staging mount where a pod still uses the volume', async () => {
    const made = await unstaged();
    const path = await world.player.stage(made);
    const target = await world.player.publish(made);
    expect(await refusal(world.player.delete(made.id))).toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(await mountsAt(path)).toHaveLength(1);
    expect(await mountsAt(target)).toHaveLength(1);
    await world.player.unpublish(made);
    await world.player.delete(made.id);
  });

  it('and that somebody reads in: is refused until they have ended', async () => {
    const made = await unstaged();
    const path = await world.player.stage(made);
    await writeFile(join(path, 'open'), '');
    const file = await open(join(path, 'open'), 'r');
    const refused = await refusal(world.player.delete(made.id)).finally(() => file.close());
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(/is still in use/);
    await entryOf(world.device(), made.id);
    await world.player.delete(made.id);
  });
});
