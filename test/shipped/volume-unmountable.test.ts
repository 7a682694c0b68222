import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '../host/lab/tool.ts';
import type { Made, Wanted } from '../player/player.ts';
import { healthOf, partitionOf, rangeHolds, refusal } from './volume/seen.ts';
import { fill, GIB, MIB, World } from './volume/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.of([2n * GIB]);
});
afterAll(() => world[Symbol.asyncDispose]());

let count = 0;
async function kept(access: Wanted['access'], sizeBytes: bigint): Promise<{ made: Made; partition: string }> {
  count += 1;
  const made = await world.player.create({ name: `pvc-${count}`, sizeBytes, access });
  const path = await world.player.stage(made);
  await writeFile(join(path, 'ledger'), 'the only copy\n');
  await world.player.unstage(made);
  return { made, partition: await partitionOf(world.device(), made.id) };
}

async function hasUuid(partition: string, id: string): Promise<boolean> {
  return (await run('blkid', ['--probe', '-o', 'export', partition])).includes(`\nUUID=${id}\n`);
}

/** Through every cache, as damage of the medium is. */
async function damage(partition: string, offsetBytes: bigint, lengthBytes: bigint): Promise<void> {
  await fill(partition, offsetBytes, lengthBytes, 0x5a);
  await run('blockdev', ['--flushbufs', partition]);
}

describe('A filesystem that is there and does not mount', () => {
  it.each([
    // The headers of the first allocation group, behind the superblock: free space, inodes, free list.
    ['xfs', 300n * MIB, 512n, 1536n],
    // The tree roots that the superblock at 64 KiB names.
    ['btrfs', 256n * MIB, 1n * MIB, 250n * MIB],
  ] as const)(
    '%s: is refused in words that are not data loss, and nothing is repaired',
    async (fs, size, at, length) => {
      const { made, partition } = await kept(fs, size);
      await damage(partition, at, length);
      expect(await hasUuid(partition, made.id)).toBe(true);
      const refused = await refusal(world.player.stage(made));
      expect(refused.code).toBe('FAILED_PRECONDITION');
      expect(refused.message).toMatch(/is there and does not mount: .*the driver repairs nothing by itself/s);
      expect(await healthOf(world, made)).toBeUndefined();
      // A mount that fails may write to its log; what is broken stays broken.
      expect(await rangeHolds(partition, at, length)).toEqual([0x5a]);
    },
  );

  it('ext4 that e2fsck -p does not dare to repair: is refused in the same words', async () => {
    const { made, partition } = await kept('ext4', 32n * MIB);
    // Leaves superblock and group descriptors alone: bitmaps and inode tables behind them are gone.
    await damage(partition, 64n * 1024n, 8n * MIB);
    expect(await hasUuid(partition, made.id)).toBe(true);
    const refused = await refusal(world.player.stage(made));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(/is there and does not mount: .*the driver repairs nothing by itself/s);
  });

  it('mount flags that the kernel refuses are said in those words too', async () => {
    const { made } = await kept('ext4', 32n * MIB);
    const strange = { ...made, wanted: { ...made.wanted, mountFlags: ['no-such-option'] } };
    const refused = await refusal(world.player.stage(strange));
    expect(refused.code).toBe('FAILED_PRECONDITION');
    expect(refused.message).toMatch(/Look at the mount options and the kernel log/);
    await world.player.stage(made);
  });
});

describe('An ext4 that was not left clean', () => {
  it('is preened before it is mounted, and keeps its files', async () => {
    const { made, partition } = await kept('ext4', 32n * MIB);
    await run('debugfs', ['-w', '-R', 'set_super_value state 2', partition]);
    expect(await run('dumpe2fs', ['-h', partition])).toMatch(/Filesystem state: +not clean with errors/);
    const path = await world.player.stage(made);
    expect(await readFile(join(path, 'ledger'), 'utf8')).toBe('the only copy\n');
    await world.player.unstage(made);
    expect(await run('dumpe2fs', ['-h', partition])).toMatch(/Filesystem state: +clean\n/);
  });
});
