import { access, chmod, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { run } from '../host/lab/tool.ts';
import { call } from '../player/client.ts';
import { capabilityOf, type Made } from '../player/player.ts';
import { healthOf, mountsAt, refusal, tableOf } from './volume/seen.ts';
import { eventually, fill, MIB, World } from './volume/world.ts';

const DISK = 800n * MIB;
const FOREIGN = 0x5a;

/** What a host utility does for a driver that is started with this environment: a script in its place. */
async function inPlaceOf(world: World, program: string, script: string) {
  const folder = world.lab.path(`in-place-of-${program}`);
  const real = (await run('which', [program])).trim();
  await mkdir(folder);
  await writeFile(
    join(folder, program),
    `#!/bin/sh\nreal=${real}\ndone=${world.lab.path('done')}\n${script}\n`,
  );
  await chmod(join(folder, program), 0o755);
  return { PATH: `${folder}:${process.env.PATH}` };
}

async function again(world: World, env: Readonly<Record<string, string>>): Promise<void> {
  await world.driver.kill();
  await world.start(undefined, env);
}

describe('A disk that somebody else writes to while it is served', () => {
  it('keeps their bytes when a raw block volume in front of them is to grow', async () => {
    await using world = await World.of([DISK]);
    const made = await world.player.create({ name: 'pvc-grow', sizeBytes: 64n * MIB, access: 'block' });
    await world.player.stage(made);
    await world.player.publish(made);
    const behind = 2n * MIB + made.sizeBytes;
    await run('sfdisk', ['--append', '--no-reread', '--no-tell-kernel', '--force', world.device()], {
      input: `start=${behind / 512n}, size=64MiB\n`,
    });
    await fill(world.device(), behind, MIB, FOREIGN);
    expect(await refusal(world.player.expand(made, 96n * MIB))).toMatchObject({ code: 'INTERNAL' });
    expect(await byteAt(world.device(), behind)).toBe(FOREIGN);
  });

  it.each(['ext4', 'block'] as const)(
    'keeps their bytes when a volume that was carved before is staged as %s',
    async (access) => {
      await using world = await World.of([DISK]);
      const made = await world.player.create({ name: 'pvc-late', sizeBytes: 64n * MIB, access });
      await fill(world.device(), 0n, MIB, FOREIGN);
      await fill(world.device(), 2n * MIB, 64n * MIB, FOREIGN);
      expect(await refusal(world.player.stage(made))).toMatchObject({ code: 'INTERNAL' });
      expect(await byteAt(world.device(), 2n * MIB)).toBe(FOREIGN);
      expect(await healthOf(world, made)).toMatchObject({ status: 'INACCESSIBLE' });
    },
  );

  it('is left aside, so that the other disks of its pool go on serving', async () => {
    await using world = await World.of([DISK, 500n * MIB]);
    const wanted = { name: 'pvc-next', sizeBytes: 16n * MIB, access: 'ext4' } as const;
    await fill(world.device(), 0n, MIB, FOREIGN);
    expect(await refusal(world.player.create(wanted))).toMatchObject({ code: 'INTERNAL' });
    await world.lookAgain();
    await world.player.create({ ...wanted, name: 'pvc-elsewhere' });
    expect(await tableOf(world.device(1))).toHaveLength(2);
  });
});

describe('A disk that somebody else wants while it is being taken', () => {
  it('cannot be had by them any more, and is taken', async () => {
    await using world = await World.empty();
    const disk = await world.disk('wanted', DISK);
    // Late enough for anybody: the note is about to be written.
    const atFirstWrite = `case "$*" in *of=${disk}*) [ -e "$done" ] || { touch "$done"; sleep 5; };; esac; exec "$real" "$@"`;
    const started = world.start([{ disks: [disk] }], await inPlaceOf(world, 'dd', atFirstWrite));
    await eventually(async () => (await readdir(world.lab.folder)).includes('done'));
    await expect(run('mkfs.ext4', ['-F', '-q', disk])).rejects.toThrow(/in use|busy/i);
    await expect(run('mount', ['-t', 'ext4', disk, '/mnt'])).rejects.toThrow(/busy/);
    await started;
    await eventually(async () => (await tableOf(disk)).length === 1);
  });
});

describe('A command that is killed under the driver', () => {
  it('leaves a table that the next look understands, and the disk takes volumes again', async () => {
    await using world = await World.of([DISK]);
    const killedOnce = '"$real" "$@" || exit; [ -e "$done" ] || { touch "$done"; kill -9 $$; }';
    await again(world, await inPlaceOf(world, 'sfdisk', killedOnce));
    const wanted = { name: 'pvc-killed', sizeBytes: 16n * MIB, access: 'ext4' } as const;
    expect(await refusal(world.player.create(wanted))).toMatchObject({ code: 'INTERNAL' });
    await world.lookAgain();
    await eventually(() => world.player.create(wanted).catch(() => undefined));
    expect(await tableOf(world.device())).toHaveLength(2);
  });

  it('proves nothing by its exit code: a target where nothing is mounted is no published volume', async () => {
    await using world = await World.of([DISK]);
    const made = await world.player.create({ name: 'pvc-bind', sizeBytes: 16n * MIB, access: 'ext4' });
    await world.player.stage(made);
    const bindsNothing = 'case "$*" in *--bind*) exit 0;; esac; exec "$real" "$@"';
    await again(world, await inPlaceOf(world, 'mount', bindsNothing));
    expect(await refusal(world.player.publish(made))).toMatchObject({ code: 'INTERNAL' });
  });
});

describe('A disk that comes back while the driver serves', () => {
  it('has lost no volume while its partitions are still being added, and one deleted then does go', async () => {
    await using world = await World.of([DISK]);
    const wanted = { name: 'pvc-back', sizeBytes: 16n * MIB, access: 'ext4' } as const;
    const { availableBytes } = await world.player.capacity();
    const made = await world.player.create(wanted);
    const slowly = 'touch "$done"; sleep 2; exec "$real" "$@"';
    await again(world, await inPlaceOf(world, 'partx', slowly));
    await world.takeOut(world.device());
    await world.lookAgain();
    await eventually(async () => (await healthOf(world, made)) !== undefined);
    await world.putIn(world.device(), world.image('disk-0'));
    await world.lookAgain();
    await eventually(() =>
      access(world.lab.path('done')).then(
        () => true,
        () => false,
      ),
    );
    expect(await healthOf(world, made)).toMatchObject({ status: 'INACCESSIBLE' });
    await world.player.delete(made.id);
    await eventually(async () => (await world.player.capacity()).availableBytes === availableBytes);
  });
});

describe('A path where another volume is', () => {
  it('stays as it is when a new volume is to be staged or published there', async () => {
    await using world = await World.of([DISK]);
    const mine = await inService(world, { name: 'pvc-mine', sizeBytes: 16n * MIB, access: 'ext4' });
    const raw = await inService(world, { name: 'pvc-raw', sizeBytes: 16n * MIB, access: 'block' });
    const fresh = await world.player.create({ ...mine.wanted, name: 'pvc-fresh' });
    const other = await world.player.create({ ...raw.wanted, name: 'pvc-other' });
    await world.player.stage(other);
    const [staging, target] = [world.player.stagingPath(mine), world.player.targetPath(raw)];
    const before = [await mountsAt(staging), await mountsAt(target)];
    const { node } = world.client;
    const stage = call(node, node.NodeStageVolume, { ...asked(fresh), staging_target_path: staging });
    expect(await refusal(stage)).toMatchObject({ code: 'ALREADY_EXISTS' });
    const staged = { ...asked(other), staging_target_path: world.player.stagingPath(other) };
    const publish = call(node, node.NodePublishVolume, { ...staged, target_path: target });
    expect(await refusal(publish)).toMatchObject({ code: 'ALREADY_EXISTS' });
    expect([await mountsAt(staging), await mountsAt(target)]).toEqual(before);
  });
});

describe('A volume whose mount options say ro', () => {
  it('is published, and published again', async () => {
    await using world = await World.of([DISK]);
    const wanted = { name: 'pvc-ro', sizeBytes: 16n * MIB, access: 'ext4', mountFlags: ['ro'] } as const;
    const made = await inService(world, wanted);
    await world.player.publish(made);
    expect(await mountsAt(world.player.targetPath(made))).toHaveLength(1);
  });
});

describe('A record under a name that is not its own', () => {
  it('is set aside, so that its volume stays deleted', async () => {
    await using world = await World.of([DISK]);
    const made = await world.player.create({ name: 'pvc-copied', sizeBytes: 16n * MIB, access: 'ext4' });
    await world.restart(() => copyFile(world.recordFile(made.id), world.stateFile('volumes', 'copy.json')));
    expect((await readdir(world.stateFile('volumes'))).toSorted()).toEqual(
      [`${made.id}.json`, 'copy.json.broken'].toSorted(),
    );
    await world.player.delete(made.id);
    await world.restart();
    const { controller } = world.client;
    expect((await call(controller, controller.ListVolumes, {})).entries).toEqual([]);
  });
});

async function inService(world: World, wanted: Made['wanted']): Promise<Made> {
  const made = await world.player.create(wanted);
  await world.player.stage(made);
  await world.player.publish(made);
  return made;
}

function asked(made: Made) {
  return {
    volume_id: made.id,
    volume_capability: capabilityOf(made.wanted),
    volume_context: made.context,
  };
}

async function byteAt(device: string, offsetBytes: bigint): Promise<number | undefined> {
  const od = await run('od', ['-An', '-tu1', '-N1', `-j${offsetBytes}`, device]);
  return Number(od.trim());
}
