import { copyFile, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { VolumeCapability } from '../../src/csi/gen/csi/v1/VolumeCapability.ts';
import { call } from '../player/client.ts';
import { capabilityOf, type Made, type Wanted } from '../player/player.ts';
import { healthOf, refusal } from './volume/seen.ts';
import { attachAside, eventually, MIB, World } from './volume/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.of([1024n * MIB]);
});
afterAll(() => world[Symbol.asyncDispose]());

let count = 0;
async function made(access: Wanted['access'] = 'ext4', sizeBytes = 16n * MIB): Promise<Made> {
  count += 1;
  return world.player.create({ name: `pvc-${count}`, sizeBytes, access });
}

async function published(
  access: Wanted['access'],
  sizeBytes?: bigint,
): Promise<{ one: Made; target: string }> {
  const one = await made(access, sizeBytes);
  await world.player.stage(one);
  return { one, target: await world.player.publish(one) };
}

describe('NodeGetVolumeStats()', () => {
  it.each([
    ['ext4', 16n * MIB],
    ['xfs', 300n * MIB],
  ] as const)('%s: counts bytes and inodes as df does', async (access, sizeBytes) => {
    const { one, target } = await published(access, sizeBytes);
    const empty = (await world.player.stats(one)).usage;
    await writeFile(join(target, 'ledger'), Buffer.alloc(Number(4n * MIB), 1), { flush: true });
    const { usage } = await world.player.stats(one);
    expect(usage.map(({ unit }) => unit)).toEqual(['BYTES', 'INODES']);
    const { blocks, bavail, bsize, files, ffree } = await statfs(target, { bigint: true });
    expect(usage[0]).toMatchObject({ total: String(blocks * bsize), available: String(bavail * bsize) });
    expect(usage[1]).toMatchObject({
      total: String(files),
      available: String(ffree),
      used: String(files - ffree),
    });
    expect(Number(usage[0]?.used) - Number(empty[0]?.used)).toBeGreaterThanOrEqual(4 * 1024 ** 2);
    expect(Number(usage[1]?.used) - Number(empty[1]?.used)).toBe(1);
  });

  it('of a block volume tells its size alone', async () => {
    const { one } = await published('block');
    const { usage } = await world.player.stats(one);
    expect(usage).toMatchObject([{ unit: 'BYTES', total: String(one.sizeBytes) }]);
    expect(usage[0]).toMatchObject({ used: '0', available: '0' });
  });

  it('answers NOT_FOUND where the volume is not, and for an unknown one', async () => {
    const { one, target } = await published('ext4');
    const other = await published('ext4');
    const { node } = world.client;
    const stats = (volume_id: string, volume_path: string) =>
      refusal(call(node, node.NodeGetVolumeStats, { volume_id, volume_path }));
    expect(await stats(one.id, other.target)).toMatchObject({ code: 'NOT_FOUND' });
    expect(await stats(one.id, world.lab.folder)).toMatchObject({ code: 'NOT_FOUND' });
    expect(await stats('no-such-volume', target)).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('ListVolumes()', () => {
  it('shows every volume once, in pages that a new volume does not move', async () => {
    await using alone = await World.of([400n * MIB]);
    const { controller } = alone.client;
    const names = ['a', 'b', 'c', 'd', 'e'];
    const ids: string[] = [];
    for (const name of names)
      ids.push((await alone.player.create({ name, sizeBytes: 16n * MIB, access: 'block' })).id);
    const page = (starting_token: string) =>
      call(controller, controller.ListVolumes, { max_entries: 2, starting_token });
    const seen: string[] = [];
    let pages = 0;
    for (let token = ''; pages === 0 || token !== ''; pages += 1) {
      const { entries, next_token } = await page(token);
      seen.push(...entries.map(({ volume }) => volume?.volume_id ?? ''));
      token = next_token;
    }
    expect(pages).toBe(3);
    expect(seen).toEqual([...ids].sort());
    const { entries } = await call(controller, controller.ListVolumes, {});
    expect(entries.map(({ volume }) => volume?.volume_id)).toEqual([...ids].sort());
    expect(entries[0]?.volume).toMatchObject({
      capacity_bytes: String(16n * MIB),
      volume_context: { pool: 'fast' },
    });
    expect(await refusal(page('no-such-token'))).toMatchObject({ code: 'ABORTED' });
  });
});

describe('ValidateVolumeCapabilities()', () => {
  const validate = (
    volume_id: string,
    capability: VolumeCapability,
    parameters: Record<string, string> = {},
  ) => {
    const { controller } = world.client;
    return call(controller, controller.ValidateVolumeCapabilities, {
      volume_id,
      volume_capabilities: [capability],
      parameters,
    });
  };

  it('confirms what the volume was made for, and echoes it', async () => {
    const one = await made();
    const capability = capabilityOf(one.wanted);
    const { confirmed, message } = await validate(one.id, capability, { pool: 'fast' });
    expect(message).toBe('');
    expect(confirmed?.volume_capabilities).toMatchObject([capability]);
    expect(confirmed?.parameters).toEqual({ pool: 'fast' });
  });

  it('says why it does not confirm, as an answer and not as an error', async () => {
    const one = await made();
    const access_mode = { mode: 'SINGLE_NODE_MULTI_WRITER' } as const;
    const mount = { fs_type: 'ext4' };
    const rows: [VolumeCapability, Record<string, string>, RegExp][] = [
      [{ mount: { fs_type: 'xfs' }, access_mode }, {}, /was made for ext4 .*, not for xfs/],
      [{ block: {}, access_mode }, {}, /not for a raw block volume/],
      [{ mount, access_mode: { mode: 'MULTI_NODE_MULTI_WRITER' } }, {}, /a local disk is on one node/],
      [{ mount, access_mode }, { pool: 'archive' }, /it is in pool "fast"/],
    ];
    for (const [capability, parameters, words] of rows) {
      const { confirmed, message } = await validate(one.id, capability, parameters);
      expect(confirmed).toBeNull();
      expect(message).toMatch(words);
    }
  });

  it('answers NOT_FOUND for an unknown volume', async () => {
    const capability: VolumeCapability = { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } };
    expect(await refusal(validate('no-such-volume', capability))).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('NodeGetVolumeHealth()', () => {
  it('knows nothing wrong of a volume at any time of its life', async () => {
    const one = await made();
    expect(await healthOf(world, one)).toBeUndefined();
    await world.player.stage(one);
    expect(await healthOf(world, one)).toBeUndefined();
    await world.player.unstage(one);
    expect(await healthOf(world, one)).toBeUndefined();
  });

  it('answers NOT_FOUND for an unknown volume', async () => {
    const { node } = world.client;
    const asked = call(node, node.NodeGetVolumeHealth, { volume_id: 'no-such-volume' });
    expect(await refusal(asked)).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('NodeGetStorageHealth()', () => {
  const storageOf = async (one: World) => {
    const { node } = one.client;
    return (await call(node, node.NodeGetStorageHealth, {})).backend_health;
  };

  it('knows nothing wrong of a node whose disks are all here', async () => {
    expect(await storageOf(world)).toEqual([]);
  });

  it('tells of a disk that is away and bears volumes', async () => {
    await using alone = await World.of([200n * MIB]);
    await alone.player.create({ name: 'pvc-away', sizeBytes: 16n * MIB, access: 'block' });
    await alone.takeOut(alone.device());
    await alone.lookAgain();
    const [finding] = await eventually(async () => {
      const found = await storageOf(alone);
      return found.length > 0 && found;
    });
    expect(finding).toMatchObject({ status: 'STORAGE_UNREACHABLE', reason: 'DiskAway' });
    expect(finding?.message).toContain(alone.image('disk-0'));
  });

  it('tells of a copy of a disk of ours, which is refused', async () => {
    await using alone = await World.of([200n * MIB]);
    await copyFile(alone.image('disk-0'), alone.image('copy'));
    await attachAside(alone.image('copy'));
    await alone.lookAgain();
    const [finding] = await eventually(async () => {
      const found = await storageOf(alone);
      return found.length > 0 && found;
    });
    expect(finding).toMatchObject({ status: 'STORAGE_DEGRADED', reason: 'DiskRefused' });
    expect(finding?.message).toMatch(/copied mark: its note was written for the disk/);
  });
});
