import { readFile, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '../host/lab/tool.ts';
import { call } from '../player/client.ts';
import type { Made, Wanted } from '../player/player.ts';
import { entryOf, rangeHolds, refusal, untilAvailable } from './volume/seen.ts';
import { fill, MIB, World } from './volume/world.ts';

const BYTE = 0x5a;
const CAP_SYS_RESOURCE = 24n;

const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1] ?? '0';
const canGrowExt4 = ((BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;

let world: World;
beforeAll(async () => {
  world = await World.of([2048n * MIB], { sanitize: 'none' });
});
afterAll(() => world[Symbol.asyncDispose]());

let count = 0;
async function published(
  access: Wanted['access'],
  sizeBytes: bigint,
): Promise<{ made: Made; target: string }> {
  count += 1;
  const made = await world.player.create({ name: `pvc-${count}`, sizeBytes, access });
  await world.player.stage(made);
  return { made, target: await world.player.publish(made) };
}

async function gone(made: Made): Promise<void> {
  await world.player.unpublish(made);
  await world.player.unstage(made);
  await world.player.delete(made.id);
}

const partitionBytes = async (made: Made): Promise<bigint> => {
  const { number } = await entryOf(world.device(), made.id);
  const name = `${world.device().slice('/dev/'.length)}p${number}`;
  return BigInt((await readFile(`/sys/class/block/${name}/size`, 'utf8')).trim()) * 512n;
};

const fsBytes = async (path: string): Promise<bigint> => {
  const { blocks, bsize } = await statfs(path, { bigint: true });
  return blocks * bsize;
};

describe('NodeExpandVolume() of a mounted filesystem', () => {
  it.each([
    ['xfs', 300n * MIB],
    ['btrfs', 256n * MIB],
  ] as const)('%s: grows slice, kernel and filesystem under an open file', async (access, sizeBytes) => {
    const { made, target } = await published(access, sizeBytes);
    await writeFile(join(target, 'ledger'), 'the only copy\n');
    const before = await fsBytes(target);
    const wanted = sizeBytes + 60n * MIB;
    expect(await world.player.expand(made, wanted)).toBe(wanted);
    expect((await entryOf(world.device(), made.id)).sizeBytes).toBe(wanted);
    expect(await partitionBytes(made)).toBe(wanted);
    expect((await fsBytes(target)) - before).toBeGreaterThan(50n * MIB);
    expect(await readFile(join(target, 'ledger'), 'utf8')).toBe('the only copy\n');
    expect(await world.player.expand(made, wanted)).toBe(wanted);
    await world.restart();
    expect(await world.player.create({ ...made.wanted, sizeBytes: wanted })).toMatchObject({
      sizeBytes: wanted,
    });
    await gone(made);
  });

  const ext4 = 'ext4: grows slice, kernel and filesystem under an open file';
  if (canGrowExt4)
    it(ext4, async () => {
      const { made, target } = await published('ext4', 32n * MIB);
      const before = await fsBytes(target);
      expect(await world.player.expand(made, 64n * MIB)).toBe(64n * MIB);
      expect((await fsBytes(target)) - before).toBeGreaterThan(24n * MIB);
      await gone(made);
    });
  else it.skip(`${ext4}; NOT RUN: this machine's root lacks CAP_SYS_RESOURCE`, () => undefined);
});

describe('NodeExpandVolume() of a raw block volume', () => {
  it('shows zeros in its new bytes, whoever had them before', async () => {
    const { availableBytes } = await world.player.capacity();
    const old = await published('block', 200n * MIB);
    await fill(old.target, 0n, old.made.sizeBytes, BYTE);
    const { startBytes } = await entryOf(world.device(), old.made.id);
    await gone(old.made);
    await untilAvailable(world, availableBytes);
    const { made, target } = await published('block', 16n * MIB);
    expect((await entryOf(world.device(), made.id)).startBytes).toBe(startBytes);
    // The dirt is there: right behind the new slice.
    expect(await rangeHolds(world.device(), startBytes + 16n * MIB, 32n * MIB)).toEqual([BYTE]);
    await fill(target, 0n, made.sizeBytes, 0x11);
    expect(await world.player.expand(made, 64n * MIB)).toBe(64n * MIB);
    await run('blockdev', ['--flushbufs', target]);
    expect(await rangeHolds(target, 0n, 16n * MIB)).toEqual([0x11]);
    expect(await rangeHolds(target, 16n * MIB, 48n * MIB)).toEqual([0]);
    expect(await partitionBytes(made)).toBe(64n * MIB);
    await gone(made);
  });
});

describe('NodeExpandVolume() refuses', () => {
  it('what has no room with RESOURCE_EXHAUSTED, naming the size within reach, which it then gives', async () => {
    await using full = await World.of([200n * MIB]);
    const { player } = full;
    const made = await player.create({ name: 'pvc-first', sizeBytes: 32n * MIB, access: 'block' });
    const next = await player.create({ name: 'pvc-next', sizeBytes: 32n * MIB, access: 'block' });
    await player.stage(made);
    await player.publish(made);
    const [first, second] = [await entryOf(full.device(), made.id), await entryOf(full.device(), next.id)];
    const reach = second.startBytes - first.startBytes;
    const refused = await refusal(player.expand(made, reach + MIB));
    expect(refused.code).toBe('RESOURCE_EXHAUSTED');
    expect(refused.message).toContain(`at most ${reach / MIB} MiB (${reach} bytes) now`);
    expect(await entryOf(full.device(), made.id)).toEqual(first);
    expect(await player.expand(made, reach)).toBe(reach);
  });

  it('a limit below the size that is there with OUT_OF_RANGE, and is content with a size that is reached', async () => {
    const { made, target } = await published('block', 32n * MIB);
    const { node } = world.client;
    const expand = (range: { required_bytes?: string; limit_bytes?: string }) =>
      call(node, node.NodeExpandVolume, { volume_id: made.id, volume_path: target, capacity_range: range });
    const refused = await refusal(expand({ required_bytes: '1', limit_bytes: String(16n * MIB) }));
    expect(refused.code).toBe('OUT_OF_RANGE');
    expect(refused.message).toMatch(
      /limit_bytes is 16777216: volume .* has 33554432 bytes and never shrinks/,
    );
    expect((await expand({ required_bytes: String(8n * MIB) })).capacity_bytes).toBe(String(32n * MIB));
    expect((await expand({})).capacity_bytes).toBe(String(32n * MIB));
    await gone(made);
  });

  it('a volume that is not at the path, and an unknown one, with NOT_FOUND', async () => {
    const { made } = await published('block', 16n * MIB);
    const { node } = world.client;
    const expand = (volume_id: string, volume_path: string) =>
      refusal(
        call(node, node.NodeExpandVolume, {
          volume_id,
          volume_path,
          capacity_range: { required_bytes: '1' },
        }),
      );
    expect(await expand(made.id, world.lab.folder)).toMatchObject({ code: 'NOT_FOUND' });
    expect(await expand('no-such-volume', world.player.targetPath(made))).toMatchObject({
      code: 'NOT_FOUND',
    });
    expect((await stat(world.player.targetPath(made))).isBlockDevice()).toBe(true);
    await gone(made);
  });
});
