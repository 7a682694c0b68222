import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CreateVolumeRequest } from '../../src/csi/gen/csi/v1/CreateVolumeRequest.ts';
import { run } from '../host/lab/tool.ts';
import { call } from '../player/client.ts';
import { capabilityOf, type Made, type Wanted } from '../player/player.ts';
import { entryOf, mountsAt, partitionOf, refusal, tableOf, untilAvailable } from './volume/seen.ts';
import { GIB, MIB, World } from './volume/world.ts';

let world: World;
let disks: { readonly fast: string; readonly large: string; readonly small: string; readonly native: string };
beforeAll(async () => {
  world = await World.empty();
  disks = {
    fast: await world.disk('fast', 4n * GIB),
    large: await world.disk('large', 400n * MIB),
    small: await world.disk('small', 200n * MIB),
    native: await world.disk('native', 700n * MIB, { sectorSizeBytes: 4096 }),
  };
  await world.start([
    { name: 'fast', disks: [disks.fast] },
    { name: 'whole', disks: [disks.large, disks.small], carving: 'whole' },
    { name: 'native', disks: [disks.native] },
  ]);
});
afterAll(() => world[Symbol.asyncDispose]());

let count = 0;
const wanted = (more: Partial<Wanted> = {}): Wanted => {
  count += 1;
  return {
    name: `pvc-${count}`,
    sizeBytes: 16n * MIB,
    access: 'ext4',
    parameters: { pool: 'fast' },
    ...more,
  };
};

/** CreateVolume with any range, or none. */
async function create(range: CreateVolumeRequest['capacity_range'], more: Partial<Wanted> = {}) {
  const { controller } = world.client;
  const one = wanted(more);
  const { volume } = await call(controller, controller.CreateVolume, {
    name: one.name,
    ...(range === undefined ? {} : { capacity_range: range }),
    volume_capabilities: [capabilityOf(one)],
    parameters: { ...one.parameters },
  });
  return { id: volume?.volume_id ?? '', sizeBytes: BigInt(volume?.capacity_bytes ?? 0) };
}

describe('CreateVolume() of a name that is there', () => {
  it('answers the same volume for the same request, and for one that it fits', async () => {
    const asked = wanted();
    const made = await world.player.create(asked);
    expect(await world.player.create(asked)).toEqual(made);
    const fitting = await world.player.create({ ...asked, sizeBytes: 8n * MIB, limitBytes: 64n * MIB });
    expect({ id: fitting.id, sizeBytes: fitting.sizeBytes }).toEqual({
      id: made.id,
      sizeBytes: made.sizeBytes,
    });
    expect((await tableOf(disks.fast)).filter(({ uuid }) => uuid === made.id)).toHaveLength(1);
  });

  it.each<[string, Partial<Wanted>, RegExp]>([
    ['a larger size', { sizeBytes: 32n * MIB }, /it has 16777216 bytes, required_bytes is 33554432/],
    ['a smaller limit', { sizeBytes: 4n * MIB, limitBytes: 8n * MIB }, /limit_bytes is 8388608/],
    ['another filesystem', { access: 'btrfs' }, /made for ext4 .*, not for btrfs/],
    ['raw block', { access: 'block' }, /made for ext4 .*, not for a raw block volume/],
    ['another mode', { mode: 'SINGLE_NODE_SINGLE_WRITER' }, /not for ext4 SINGLE_NODE_SINGLE_WRITER/],
    [
      'another pool',
      { parameters: { pool: 'native' } },
      /it is in pool "fast", parameters\.pool is "native"/,
    ],
    [
      'other mkfsOptions',
      { parameters: { pool: 'fast', mkfsOptions: '-i 65536' } },
      /its mkfsOptions are ""/,
    ],
  ])('refuses %s with ALREADY_EXISTS', async (_, change, words) => {
    const asked = wanted();
    const made = await world.player.create(asked);
    const refused = await refusal(world.player.create({ ...asked, ...change }));
    expect(refused.code).toBe('ALREADY_EXISTS');
    expect(refused.message).toMatch(words);
    expect((await entryOf(disks.fast, made.id)).sizeBytes).toBe(made.sizeBytes);
  });
});

describe('CreateVolume() of a size', () => {
  it.each<[string, Partial<Wanted>, string, string]>([
    ['a limit below the least xfs', { access: 'xfs' }, '1', String(200n * MIB)],
    ['a limit below the least ext4', { access: 'ext4' }, '1', String(MIB)],
    ['a limit below what is required', {}, String(64n * MIB), String(32n * MIB)],
    ['no whole sector between the two', { access: 'block' }, '50000001', '50000002'],
  ])('refuses %s with OUT_OF_RANGE, and carves nothing', async (_, more, required_bytes, limit_bytes) => {
    const before = await tableOf(disks.fast);
    const refused = await refusal(create({ required_bytes, limit_bytes }, more));
    expect(refused.code).toBe('OUT_OF_RANGE');
    expect(refused.message).toContain('limit_bytes');
    expect(await tableOf(disks.fast)).toEqual(before);
  });

  it.each([
    ['whole MiB', 16n * MIB, 16n * MIB, 16n * MIB],
    ['an exact size of odd sectors', 16n * MIB + 4096n, 16n * MIB + 4096n, 16n * MIB + 4096n],
    ['required to the byte, rounded up to a MiB', 10_000_000n, 0n, 10n * MIB],
    ['required to the byte, with a limit below the next MiB', 10_000_000n, 10_400_000n, 10_002_432n],
    ['no size', 0n, 0n, GIB],
    ['a limit alone', 0n, 24n * MIB, 24n * MIB],
  ])('gives %s', async (_, required, limit, size) => {
    const range = { required_bytes: String(required), limit_bytes: String(limit) };
    const made = await create(required + limit === 0n ? undefined : range);
    expect(made.sizeBytes).toBe(size);
    expect((await entryOf(disks.fast, made.id)).sizeBytes).toBe(size);
    await world.player.delete(made.id);
  });

  it('gives xfs its least size when less is required', async () => {
    expect((await create({ required_bytes: '1' }, { access: 'xfs' })).sizeBytes).toBe(300n * MIB);
  });

  it('refuses what has no room with RESOURCE_EXHAUSTED, after capacity says so', async () => {
    const { maximumBytes } = await world.player.capacity({ pool: 'fast' });
    const refused = await refusal(create({ required_bytes: String(maximumBytes + 1n) }));
    expect(refused.code).toBe('RESOURCE_EXHAUSTED');
    expect(refused.message).toMatch(/Pool "fast" on node .* has no room for .*: the largest volume now is/);
    const largest = await create({ required_bytes: String(maximumBytes) });
    expect(largest.sizeBytes).toBe(maximumBytes);
    await world.player.delete(largest.id);
  });
});

describe('A pool of whole disks', () => {
  const whole = { parameters: { pool: 'whole' } };
  const capacity = () => world.player.capacity({ pool: 'whole' });

  it('gives one volume for each disk: all of it, if that is within the limit', async () => {
    const before = await capacity();
    expect(before.maximumBytes).toBeGreaterThan(390n * MIB);
    expect(before.availableBytes - before.maximumBytes).toBeGreaterThan(190n * MIB);
    const small = before.availableBytes - before.maximumBytes;
    const limited = refusal(create({ required_bytes: String(MIB), limit_bytes: String(100n * MIB) }, whole));
    expect(await limited).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    const first = await create({ required_bytes: String(300n * MIB) }, whole);
    expect(first.sizeBytes).toBe(before.maximumBytes);
    expect(await capacity()).toEqual({ availableBytes: small, maximumBytes: small });
    const second = await create({ required_bytes: String(MIB) }, whole);
    expect(second.sizeBytes).toBe(small);
    expect(await capacity()).toEqual({ availableBytes: 0n, maximumBytes: 0n });
    expect(await refusal(create({ required_bytes: String(MIB) }, whole))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
    });
    for (const { id } of [first, second]) await world.player.delete(id);
    await untilAvailable(world, before.availableBytes, { pool: 'whole' });
  });

  it('counts one volume a disk, beside 254 on a partitioned one', async () => {
    const { node } = world.client;
    const { max_volumes_per_node } = await call(node, node.NodeGetInfo, {});
    expect(Number(max_volumes_per_node)).toBe(1 + 1 + 2 * 254);
  });
});

describe('A disk with sectors of 4 KiB', () => {
  it.each(['xfs', 'ext4', 'btrfs', 'block'] as const)(
    'bears the whole life of a volume: %s',
    async (access) => {
      const made = await world.player.create(
        wanted({ access, sizeBytes: 300n * MIB, parameters: { pool: 'native' } }),
      );
      await world.player.stage(made);
      const target = await world.player.publish(made);
      const sector = (await run('blockdev', ['--getss', await partitionOf(disks.native, made.id)])).trim();
      expect(sector).toBe('4096');
      expect(await mountsAt(target)).toHaveLength(1);
      const grown = access === 'ext4' ? made.sizeBytes : await world.player.expand(made, 320n * MIB);
      expect((await entryOf(disks.native, made.id)).sizeBytes).toBe(grown);
      await world.player.unpublish(made);
      await world.player.unstage(made);
      await world.player.delete(made.id);
    },
  );
});

describe('The pool of a class', () => {
  it('must be named where the node has several, and capacity without one is 0', async () => {
    const refused = await refusal(create({ required_bytes: '1' }, { parameters: {} }));
    expect(refused.code).toBe('INVALID_ARGUMENT');
    expect(refused.message).toMatch(/parameters\.pool is missing, .* several pools: fast, whole, native/);
    expect(await world.player.capacity()).toEqual({ availableBytes: 0n, maximumBytes: 0n });
  });

  it('that is not on this node is RESOURCE_EXHAUSTED, with capacity 0', async () => {
    const parameters = { pool: 'archive' };
    const refused = await refusal(create({ required_bytes: '1' }, { parameters }));
    expect(refused.code).toBe('RESOURCE_EXHAUSTED');
    expect(refused.message).toMatch(/has no pool "archive"; it has: fast, whole, native/);
    expect(await world.player.capacity(parameters)).toEqual({ availableBytes: 0n, maximumBytes: 0n });
  });
});

describe('A staged volume', () => {
  async function staged(more: Partial<Wanted>): Promise<{ made: Made; path: string; partition: string }> {
    const made = await world.player.create(wanted(more));
    const path = await world.player.stage(made);
    return { made, path, partition: await partitionOf(disks.fast, made.id) };
  }

  it('of xfs has the mkfsOptions of its class', async () => {
    const parameters = { pool: 'fast', mkfsOptions: '-i size=1024 -d agcount=2' };
    const { path } = await staged({ access: 'xfs', sizeBytes: 300n * MIB, parameters });
    expect(await run('xfs_info', [path])).toMatch(/isize=1024 +agcount=2,/);
  });

  it('of ext4 has the mkfsOptions of its class', async () => {
    const parameters = { pool: 'fast', mkfsOptions: '-i 65536 -b 1024' };
    const { partition } = await staged({ access: 'ext4', parameters });
    const shown = await run('tune2fs', ['-l', partition]);
    expect(shown).toMatch(/Block size: +1024/);
    expect(Number(/Inode count: +(\d+)/.exec(shown)?.[1])).toBeLessThanOrEqual(256);
  });

  it('has the mount flags of its class', async () => {
    const { path } = await staged({ access: 'ext4', mountFlags: ['noatime', 'nodev', 'data=writeback'] });
    const [mount] = await mountsAt(path);
    expect(mount?.options).toEqual(expect.arrayContaining(['noatime', 'nodev']));
    const options = (await readFile('/proc/self/mounts', 'utf8'))
      .split('\n')
      .find((line) => line.includes(path));
    expect(options).toContain('data=writeback');
  });

  it.each(['xfs', 'ext4', 'btrfs'] as const)(
    '%s: has its handle as filesystem UUID and as PARTUUID',
    async (access) => {
      const { made, partition } = await staged({ access, sizeBytes: 300n * MIB });
      expect((await run('blkid', ['--probe', '-s', 'UUID', '-o', 'value', partition])).trim()).toBe(made.id);
      const { uuid, name, attributes } = await entryOf(disks.fast, made.id);
      expect(uuid).toBe(made.id);
      expect(name).toMatch(/^fast:\d+$/);
      expect(attributes).toContain('48');
      await world.player.unstage(made);
      await world.player.delete(made.id);
    },
  );
});

describe('A disk of ours', () => {
  it('explains itself to dd and head', async () => {
    const text = await run('dd', [`if=${disks.fast}`, 'bs=1M', 'skip=1', 'count=1', 'status=none']);
    const note = text.replaceAll('\0', '').split('\n').slice(0, 40).join('\n');
    for (const word of ['instance-store', '"pool"', 'fast', '"mark"', world.image('fast')])
      expect(note).toContain(word);
    expect(await run('dd', [`if=${disks.fast}p1`, 'bs=1M', 'count=1', 'status=none'])).toBe(text);
  });
});
