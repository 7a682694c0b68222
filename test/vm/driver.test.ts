import { open } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checksum } from '../host/lab/checksum.ts';
import type { Made, Wanted } from '../player/player.ts';
import type * as Node from './guest/node.ts';
import { type Disk, elasticBlockStore, instanceStore } from './lab/disk.ts';
import { Machine, type Remote } from './lab/machine.ts';

const MIB = 1024n ** 2n;
const GIB = 1024n ** 3n;
const DATA_BYTES = 4 * 1024 * 1024;

const WANTED: readonly Wanted[] = (['xfs', 'ext4', 'block'] as const).map((access) => {
  return { name: `pvc-${access}`, sizeBytes: 512n * MIB, access };
});

describe('the shipped driver without a configuration, on a machine with disks like those of EC2', () => {
  let machine: Machine;
  let node: Remote<typeof Node>;
  let local: readonly Disk[];
  let ebs: Disk;
  let ebsChecksum: string;
  let emptyBytes: bigint;
  const volumes: Made[] = [];

  beforeAll(async () => {
    machine = await Machine.create();
    node = await machine.module<typeof Node>(new URL('guest/node.ts', import.meta.url));
    local = await Promise.all([1, 2, 3, 4].map((number) => machine.disk(instanceStore(number, 10n * GIB))));
    ebs = await machine.disk(elasticBlockStore(5, 10n * GIB));
    await putSomething(ebs);
    ebsChecksum = await checksum(ebs.file);
    await machine.boot([ebs, ...local]);
    await node.start();
  });

  afterAll(() => machine[Symbol.asyncDispose]());

  it('takes the four local disks', async () => {
    ({ availableBytes: emptyBytes } = await node.capacity());
    expect(emptyBytes).toBeGreaterThan(4n * (10n * GIB - 4n * MIB));
    for (const disk of local) {
      const note = await machine.sh(`dd if=${machine.pathOf(disk)} bs=4k skip=256 count=1 status=none`);
      expect(note).toContain(disk.uuid);
    }
  });

  it('serves volumes of every kind', async () => {
    for (const wanted of WANTED) {
      const made = await node.create(wanted);
      await node.stage(made);
      await node.publish(made);
      await node.write(made, DATA_BYTES);
      volumes.push(made);
    }
  });

  it('serves them as before after a reboot, whatever the kernel calls the disks', async () => {
    const names = local.map((disk) => machine.pathOf(disk));
    await machine.shutDown();
    await machine.boot([...local.toReversed(), ebs]);
    expect(local.map((disk) => machine.pathOf(disk))).not.toEqual(names);
    await node.start();
    expect(await node.list()).toEqual(volumes.map(({ id }) => id).toSorted());
    for (const made of volumes) {
      await node.stage(made);
      await node.publish(made);
      await node.expectWritten(made, DATA_BYTES);
      expect(await node.expand(made, GIB)).toBe(GIB);
      await node.expectWritten(made, DATA_BYTES);
    }
  });

  it('deletes them, and has all of its room again', async () => {
    for (const made of volumes) {
      await node.unpublish(made);
      await node.unstage(made);
      await node.remove(made);
    }
    await node.untilAvailable(emptyBytes);
    expect(await node.list()).toEqual([]);
  });

  it('leaves the EBS volume as it was, byte for byte', async () => {
    await machine.shutDown();
    expect(await checksum(ebs.file)).toBe(ebsChecksum);
  });
});

/** As much as says that it is somebody's, at places where a table or a filesystem has its own. */
async function putSomething({ file, sizeBytes }: Disk): Promise<void> {
  await using handle = await open(file, 'r+');
  for (const at of [0n, MIB, sizeBytes - MIB])
    await handle.write(Buffer.alloc(4096, 'of somebody else. '), 0, 4096, Number(at));
}
