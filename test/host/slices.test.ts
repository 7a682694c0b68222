import { basename } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { NO_CRASHPOINTS } from '../../src/host/crashpoint.ts';
import { writeCommand } from '../../src/host/dd.ts';
import { createDurable } from '../../src/host/durable.ts';
import { createExec, type Exec } from '../../src/host/exec.ts';
import { DRIVER_NAME, type Pool } from '../../src/model/pool.ts';
import { uuid } from '../../src/model/uuid.ts';
import { CordonFile } from '../../src/pools/cordons.ts';
import type { Placed } from '../../src/pools/device.ts';
import { Pools } from '../../src/pools/pools.ts';
import { carve, growSlice, setPrepared } from '../../src/pools/slices.ts';
import { Lab } from './lab.ts';

const MIB = 1024n ** 2n;
const HANDLE = uuid('11111111-2222-8333-8444-555555555555');
const OTHER_HANDLE = uuid('11111111-2222-8333-8444-666666666666');
const DIRT = Buffer.alloc(4096, 0x5a);

const exec = createExec({ crashpoints: NO_CRASHPOINTS });

/** A prepared raw block slice of 16 MiB on a taken disk, with room to grow. */
async function blockSlice(lab: Lab): Promise<Placed> {
  const path = await lab.attach(await lab.image('disk.img', 100n * MIB));
  const id = basename(lab.folder);
  const pools = new Pools({
    exec,
    self: { driver: DRIVER_NAME, node: `node-${id}`, machine: `machine-${id}` },
    configuration: { pools: [poolOf(path)], orphans: 'report' },
    cordons: await CordonFile.open(lab.folder, createDurable(NO_CRASHPOINTS)),
    notify: () => undefined,
  });
  await pools.refresh();
  const size = { requiredBytes: 16n * MIB, limitBytes: undefined };
  const wish = { handle: HANDLE, pool: 'fast', size, minimumBytes: 1n };
  const placed = await carve(exec, pools.devices('fast'), wish, async () => undefined);
  if (placed === undefined) throw new Error(`no room on ${path}`);
  await setPrepared(exec, placed, 'block');
  const prepared = pools.placed().find(({ slice }) => slice.id === HANDLE);
  if (prepared === undefined) throw new Error(`no slice on ${path}`);
  return prepared;
}

const poolOf = (path: string): Pool => ({
  name: 'fast',
  match: [{ path }],
  minSizeBytes: 64n * MIB,
  eraseAndTake: [],
  array: 'none',
  carving: 'partition',
  sanitize: { method: 'discard' },
  sanitizeBytesPerSecond: undefined,
});

/** A mock, as no disk here does it: its zeroing ends well, and 4 KiB are as they were. */
const leaving =
  (disk: string, dirtyAtBytes: bigint): Exec =>
  async (command) => {
    const result = await exec(command);
    if (command.command === 'blkdiscard') await exec(writeCommand(disk, dirtyAtBytes, DIRT));
    return result;
  };

describe('growSlice()', () => {
  it.each([
    ['first', 0n],
    ['last', 16n * MIB - 4096n],
  ])('of raw block changes no table when the %s 4 KiB of the new part are not zeroed', async (_, dirtyAt) => {
    await using lab = await Lab.create();
    const placed = await blockSlice(lab);
    const { path } = placed.device.disk;
    const entry = placed.device.table.entries.find(({ uuid: id }) => id === HANDLE);
    const newPartAt = (entry?.startBytes ?? 0n) + placed.slice.sizeBytes;
    await expect(growSlice(leaving(path, newPartAt + dirtyAt), placed, 32n * MIB)).rejects.toMatchObject({
      kind: 'host-failed',
      message: `${path} does not read as zeros at byte ${newPartAt + dirtyAt} after it was zeroed`,
    });
    expect(placed.device.carved.slices).toEqual([placed.slice]);
    expect((await growSlice(exec, placed, 32n * MIB)).sizeBytes).toBe(32n * MIB);
  });
});

describe('carve()', () => {
  it('carves nothing on a disk that was closed while it waited for its turn', async () => {
    await using lab = await Lab.create();
    const { device } = await blockSlice(lab);
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    const closing = device.lock.exclusive(async () => {
      await closed;
      device.cordoned = 'cordoned';
    });
    const size = { requiredBytes: 16n * MIB, limitBytes: undefined };
    const wish = { handle: OTHER_HANDLE, pool: 'fast', size, minimumBytes: 1n };
    const carving = carve(exec, [device], wish, async () => undefined);
    close();
    await closing;
    expect(await carving).toBeUndefined();
    expect(device.carved.slices).toHaveLength(1);
  });
});
