import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '../host/lab/tool.ts';
import { call } from '../player/client.ts';
import { capabilityOf, type Made, type Wanted } from '../player/player.ts';
import { bytesOf, mountsAt, partitionOf, refusal } from './volume/seen.ts';
import { GIB, MIB, World } from './volume/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.of([2n * GIB]);
});
afterAll(() => world[Symbol.asyncDispose]());

let count = 0;
const wanted = (more: Partial<Wanted> = {}): Wanted => {
  count += 1;
  return { name: `pvc-${count}`, sizeBytes: 16n * MIB, access: 'ext4', ...more };
};

/** Created and staged. */
async function staged(more?: Partial<Wanted>): Promise<Made> {
  const made = await world.player.create(wanted(more));
  await world.player.stage(made);
  return made;
}

/** The same volume as another caller asks for it. */
const as = (made: Made, more: Partial<Wanted>): Made => ({ ...made, wanted: { ...made.wanted, ...more } });

async function stageUnnamed(made: Made): Promise<void> {
  const { node } = world.client;
  await mkdir(world.player.stagingPath(made), { recursive: true });
  await call(node, node.NodeStageVolume, {
    volume_id: made.id,
    staging_target_path: world.player.stagingPath(made),
    volume_capability: { mount: { fs_type: '' }, access_mode: { mode: 'SINGLE_NODE_MULTI_WRITER' } },
    volume_context: made.context,
  });
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

describe('NodePublishVolume()', () => {
  it('shares a SINGLE_NODE_MULTI_WRITER volume between the pods of the node', async () => {
    const made = await staged();
    const one = await world.player.publish(made, 'pod-1');
    const two = await world.player.publish(made, 'pod-2');
    await writeFile(join(one, 'letter'), 'hello');
    expect(await readFile(join(two, 'letter'), 'utf8')).toBe('hello');
    await world.player.unpublish(made, 'pod-1');
    expect(await readFile(join(two, 'letter'), 'utf8')).toBe('hello');
  });

  it.each(['SINGLE_NODE_WRITER', 'SINGLE_NODE_SINGLE_WRITER'] as const)(
    'refuses a second target of a %s volume, and grants it after the first has gone',
    async (mode) => {
      const made = await staged({ mode });
      const first = await world.player.publish(made, 'pod-1');
      const refused = await refusal(world.player.publish(made, 'pod-2'));
      expect(refused.code).toBe('FAILED_PRECONDITION');
      expect(refused.message).toContain(`is already published at ${first}`);
      expect(await mountsAt(world.player.targetPath(made, 'pod-2'))).toEqual([]);
      await world.player.publish(made, 'pod-1');
      await world.player.unpublish(made, 'pod-1');
      await world.player.publish(made, 'pod-2');
    },
  );

  it('refuses a second target of a single-writer block volume', async () => {
    const made = await staged({ access: 'block', mode: 'SINGLE_NODE_SINGLE_WRITER' });
    await world.player.publish(made, 'pod-1');
    expect(await refusal(world.player.publish(made, 'pod-2'))).toMatchObject({ code: 'FAILED_PRECONDITION' });
  });

  it('answers ALREADY_EXISTS for the same target the other way round, read-only or writable', async () => {
    const made = await staged();
    await world.player.publish(made, 'pod-1', false);
    const asked = await refusal(world.player.publish(made, 'pod-1', true));
    expect(asked.code).toBe('ALREADY_EXISTS');
    expect(asked.message).toMatch(/already shows the volume writable; wanted volume .* read-only/);
    await world.player.publish(made, 'pod-2', true);
    const back = await refusal(world.player.publish(made, 'pod-2', false));
    expect(back.code).toBe('ALREADY_EXISTS');
    expect(back.message).toMatch(/already shows the volume read-only/);
  });

  it('mounts read-only what is asked for read-only, beside a writable target', async () => {
    const made = await staged();
    const target = await world.player.publish(made, 'pod-1', true);
    const writable = await world.player.publish(made, 'pod-2');
    await expect(writeFile(join(target, 'x'), '')).rejects.toMatchObject({ code: 'EROFS' });
    await writeFile(join(writable, 'x'), 'written');
    expect(await readFile(join(target, 'x'), 'utf8')).toBe('written');
    expect(await mountsAt(target)).toHaveLength(1);
  });

  it('refuses a volume that was not staged, and mounts nothing', async () => {
    const made = await world.player.create(wanted());
    const refused = await refusal(world.player.publish(made));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(/is not staged at staging_target_path .*: nothing is mounted there/);
    await world.player.stage(made);
    const other = await staged();
    const { node } = world.client;
    const mixed = call(node, node.NodePublishVolume, {
      volume_id: made.id,
      staging_target_path: world.player.stagingPath(other),
      target_path: world.player.targetPath(made),
      volume_capability: capabilityOf(made.wanted),
    });
    expect(await refusal(mixed)).toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(await mountsAt(world.player.targetPath(made))).toEqual([]);
  });

  it('refuses a target at which something else is mounted, and leaves it there', async () => {
    const made = await staged();
    const target = world.player.targetPath(made);
    await mkdir(target, { recursive: true });
    await run('mount', ['-t', 'tmpfs', 'foreign', target]);
    expect(await refusal(world.player.publish(made))).toMatchObject({ code: 'ALREADY_EXISTS' });
    expect(await mountsAt(target)).toMatchObject([{ fsType: 'tmpfs', source: 'foreign' }]);
    await run('umount', [target]);
  });
});

describe('NodeStageVolume()', () => {
  it('twice is fine, with one mount and its data kept', async () => {
    const made = await staged();
    const path = world.player.stagingPath(made);
    await writeFile(join(path, 'kept'), 'kept');
    await world.player.stage(made);
    expect(await mountsAt(path)).toHaveLength(1);
    expect(await readFile(join(path, 'kept'), 'utf8')).toBe('kept');
  });

  it('refuses another filesystem than the volume bears, and formats nothing', async () => {
    const made = await staged();
    await world.player.unstage(made);
    const partition = await partitionOf(world.device(), made.id);
    const before = await bytesOf(partition);
    const refused = await refusal(world.player.stage(as(made, { access: 'xfs' })));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(/bears ext4, .*fs_type asks for xfs/);
    expect(await bytesOf(partition)).toBe(before);
  });

  it.each([
    ['block', 'ext4', /was prepared as a raw block volume; volume_capability asks for a mount/],
    ['ext4', 'block', /was prepared as a filesystem; volume_capability asks for a block device/],
  ] as const)('refuses a %s volume as %s, and writes nothing', async (was, asked, words) => {
    const made = await staged({ access: was });
    await world.player.unstage(made);
    const partition = await partitionOf(world.device(), made.id);
    const before = await bytesOf(partition);
    const refused = await refusal(world.player.stage(as(made, { access: asked })));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(words);
    expect(await bytesOf(partition)).toBe(before);
  });

  it('that names no filesystem: makes the one of CreateVolume, and afterwards finds it on the slice alone', async () => {
    const made = await world.player.create(wanted({ access: 'btrfs', sizeBytes: 256n * MIB }));
    await stageUnnamed(made);
    expect(await mountsAt(world.player.stagingPath(made))).toMatchObject([{ fsType: 'btrfs' }]);
    await world.player.unstage(made);
    await world.restart(() => rm(world.recordFile(made.id)));
    await stageUnnamed(made);
    expect(await mountsAt(world.player.stagingPath(made))).toMatchObject([{ fsType: 'btrfs' }]);
  });

  it('refuses a staging path at which something else is mounted', async () => {
    const made = await staged();
    await world.player.unstage(made);
    const path = world.player.stagingPath(made);
    await mkdir(path, { recursive: true });
    await run('mount', ['-t', 'tmpfs', 'foreign', path]);
    expect(await refusal(world.player.stage(made))).toMatchObject({ code: 'ALREADY_EXISTS' });
    await run('umount', [path]);
  });
});

describe('NodeUnpublishVolume() and NodeUnstageVolume()', () => {
  it('of nothing succeed, for known and for unknown volumes', async () => {
    const made = await world.player.create(wanted());
    for (const one of [made, { ...made, id: 'no-such-volume' }]) {
      await world.player.unpublish(one);
      await world.player.unstage(one);
    }
  });

  it('repeated succeed, and the target is gone', async () => {
    const made = await staged();
    const target = await world.player.publish(made);
    for (let times = 0; times < 2; times += 1) await world.player.unpublish(made);
    expect(await isThere(target)).toBe(false);
    expect(await isThere(dirname(target))).toBe(true);
    for (let times = 0; times < 2; times += 1) await world.player.unstage(made);
    expect(await mountsAt(world.player.stagingPath(made))).toEqual([]);
  });

  it('refuse to unmount what is no volume, and leave it mounted', async () => {
    const made = await world.player.create(wanted());
    const target = world.player.targetPath(made);
    const staging = world.player.stagingPath(made);
    for (const path of [target, staging]) {
      await mkdir(path, { recursive: true });
      await run('mount', ['-t', 'tmpfs', 'foreign', path]);
    }
    const refused = await refusal(world.player.unpublish(made));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(/is a mount of foreign \(tmpfs\), no volume of this driver: left alone/);
    expect(await refusal(world.player.unstage(made))).toMatchObject({ code: 'FAILED_PRECONDITION' });
    for (const path of [target, staging]) {
      expect(await mountsAt(path)).toHaveLength(1);
      await run('umount', [path]);
      await rm(path, { recursive: true });
    }
  });

  it('refuse a target that a process still uses, and undo it when it has ended', async () => {
    const made = await staged();
    const target = await world.player.publish(made);
    await writeFile(join(target, 'busy'), '');
    const loop = (await run('losetup', ['--find', '--show', join(target, 'busy')]).catch(() => '')).trim();
    expect(loop).not.toBe('');
    const refused = await refusal(world.player.unpublish(made)).finally(() =>
      run('losetup', ['--detach', loop]),
    );
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(/is still in use/);
    await world.player.unpublish(made);
  });
});

describe('NodePublishVolume() read-only, killed before every effect', () => {
  it('never leaves a writable mount at the target, and a repeat ends read-only', async () => {
    const made = await staged();
    const killed: string[] = [];
    // Odd points are before an effect, and nothing is repaired at these starts: each kills the publish of a new pod.
    for (let point = 1; point < 40; point += 2) {
      await world.restartToDieAt(String(point));
      const pod = `pod-${point}`;
      const answered = await world.player.publish(made, pod, true).catch(() => undefined);
      const target = world.player.targetPath(made, pod);
      for (const { options } of await mountsAt(target)) expect(options).toContain('ro');
      if (answered !== undefined) break;
      killed.push(pod);
    }
    expect(killed.length).toBeGreaterThanOrEqual(7);
    await world.restart();
    for (const pod of killed) {
      const target = await world.player.publish(made, pod, true);
      expect(await mountsAt(target)).toMatchObject([{ options: expect.arrayContaining(['ro']) }]);
      expect(await readdir(dirname(target))).toEqual(['mount']);
    }
  });
});
