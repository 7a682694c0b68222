import { randomBytes } from 'node:crypto';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { discardCommand, zeroCommand } from '../../src/host/blkdiscard.ts';
import * as blkid from '../../src/host/blkid.ts';
import { NO_CRASHPOINTS } from '../../src/host/crashpoint.ts';
import { readCommand, shredCommand, writeCommand } from '../../src/host/dd.ts';
import { createExec } from '../../src/host/exec.ts';
import { addPartitionCommand, deletePartition, resizePartitionCommand } from '../../src/host/partx.ts';
import { changeTableCommand, writeTableCommand } from '../../src/host/sfdisk.ts';
import * as wipefs from '../../src/host/wipefs.ts';
import {
  ATTR_BLOCK,
  ATTR_PREPARED,
  type Gpt,
  type GptEntry,
  parseGpt,
  TYPE_VOLUME,
} from '../../src/model/gpt.ts';
import { uuid } from '../../src/model/uuid.ts';
import { run } from './lab/tool.ts';
import { Lab } from './lab.ts';

const MIB = 1024n ** 2n;
const DISK_BYTES = 64n * MIB;
const exec = createExec({ crashpoints: NO_CRASHPOINTS });

const slice = (number: number, startMib: bigint, sizeMib: bigint, attributes = 0n): GptEntry => ({
  number,
  type: TYPE_VOLUME,
  uuid: uuid(`${number.toString(16).padStart(8, '0')}-2222-8333-8444-555555555555`),
  startBytes: startMib * MIB,
  sizeBytes: sizeMib * MIB,
  attributes,
  name: `fast:${number}`,
});

const table = (sectorBytes: number, entries: readonly GptEntry[]): Gpt => ({
  diskGuid: uuid('11111111-2222-8333-8444-555555555555'),
  sectorBytes,
  firstUsableBytes: MIB,
  usableEndBytes: 63n * MIB,
  entries,
});

async function disk(lab: Lab, sectorSizeBytes: 512 | 4096 = 512): Promise<string> {
  return lab.attach(await lab.image('disk.img', DISK_BYTES), { sectorSizeBytes });
}

async function partitioned(lab: Lab, entries: readonly GptEntry[]): Promise<string> {
  const path = await disk(lab);
  await exec(writeTableCommand(path, table(512, entries)));
  for (const { number } of entries) await exec(addPartitionCommand(path, number));
  return path;
}

async function readTable(path: string, sectorBytes: number) {
  const head = await exec(readCommand(path, 0n, 65536));
  const tail = await exec(readCommand(path, DISK_BYTES - 65536n, 65536));
  return parseGpt(head.stdout, tail.stdout, sectorBytes, DISK_BYTES);
}

/** In bytes, as the kernel has it. */
async function kernelRange(path: string): Promise<readonly bigint[]> {
  const sys = `/sys/class/block/${path.slice('/dev/'.length)}`;
  const texts = await Promise.all(['start', 'size'].map((name) => readFile(`${sys}/${name}`, 'utf8')));
  return texts.map((text) => BigInt(text.trim()) * 512n);
}

describe('writeTableCommand()', () => {
  it.each([512, 4096] as const)(
    'writes both copies as they were meant, in sectors of %d bytes',
    async (sectorBytes) => {
      await using lab = await Lab.create();
      const path = await disk(lab, sectorBytes);
      const meant = table(sectorBytes, [
        slice(1, 1n, 1n),
        slice(2, 4n, 8n, ATTR_PREPARED | ATTR_BLOCK),
        slice(255, 20n, 4n, ATTR_BLOCK),
      ]);
      await exec(writeTableCommand(path, meant));
      const { primary, backup, protectiveMbr } = await readTable(path, sectorBytes);
      expect(primary).toMatchObject({ is: 'whole', table: meant });
      expect(backup).toMatchObject({ is: 'whole', table: meant });
      expect(protectiveMbr).toBe(true);
    },
  );

  it('replaces a table beside a partition in use, and leaves filesystems in the gaps alone', async () => {
    await using lab = await Lab.create();
    const path = await partitioned(lab, [slice(1, 1n, 1n), slice(2, 4n, 8n)]);
    const mark = randomBytes(4096);
    await exec(writeCommand(`${path}p2`, 0n, mark));
    await using _user = await open(`${path}p2`, 'r');
    const changed = table(512, [slice(1, 1n, 1n), slice(2, 4n, 8n, ATTR_PREPARED), slice(3, 16n, 4n)]);
    await exec(writeTableCommand(path, changed));
    expect(await readTable(path, 512)).toMatchObject({ primary: { table: changed } });
    expect((await exec(readCommand(`${path}p2`, 0n, 4096))).stdout).toEqual(new Uint8Array(mark));
  });
});

describe('changeTableCommand()', () => {
  const before = [slice(1, 1n, 1n), slice(3, 4n, 8n, ATTR_PREPARED | ATTR_BLOCK), slice(200, 20n, 4n)];
  const [one, three, last] = before as [GptEntry, GptEntry, GptEntry];
  const quarantine = uuid('73a1439c-53e5-4593-b5bf-673de5e677e3');
  const other = uuid('99999999-2222-8333-8444-555555555555');

  it.each<readonly [string, string, readonly GptEntry[]]>([
    ['adds an entry in a gap', '--append', [one, slice(2, 12n, 4n), three, last]],
    ['adds the last entry that there can be', '--append', [...before, slice(256, 40n, 4n, ATTR_PREPARED)]],
    ['grows an entry', '-N', [one, { ...three, sizeBytes: 16n * MIB }, last]],
    ['sets a bit', '-N', [one, three, { ...last, attributes: ATTR_PREPARED }]],
    ['quarantines an entry', '-N', [one, { ...three, type: quarantine, uuid: other, attributes: 0n }, last]],
    ['removes an entry', '--delete', [one, last]],
    ['removes the last entry', '--delete', [one, three]],
    ['writes all anew where two entries differ', '--lock=yes', [three, { ...last, attributes: ATTR_BLOCK }]],
    ['writes all anew where none does', '--lock=yes', before],
  ])('%s', async (_, option, entries) => {
    for (const sectorBytes of [512, 4096] as const) {
      await using lab = await Lab.create();
      const path = await disk(lab, sectorBytes);
      const from = table(sectorBytes, before);
      const to = table(sectorBytes, entries);
      await exec(writeTableCommand(path, from));
      const command = changeTableCommand(path, from, to);
      expect(command.args.filter((arg) => arg.startsWith('-')).at(-1)).toBe(option);
      await exec(command);
      const { primary, backup, protectiveMbr } = await readTable(path, sectorBytes);
      expect(primary).toMatchObject({ is: 'whole', table: to });
      expect(backup).toMatchObject({ is: 'whole', table: to });
      expect(protectiveMbr).toBe(true);
    }
  });
});

describe('single partitions', () => {
  it('are added where the table has them, and grow in use', async () => {
    await using lab = await Lab.create();
    const path = await partitioned(lab, [slice(2, 4n, 8n)]);
    expect(await kernelRange(`${path}p2`)).toEqual([4n * MIB, 8n * MIB]);
    await using _user = await open(`${path}p2`, 'r');
    await exec(writeTableCommand(path, table(512, [slice(2, 4n, 16n)])));
    await exec(resizePartitionCommand(path, 2, 16n * MIB));
    expect(await kernelRange(`${path}p2`)).toEqual([4n * MIB, 16n * MIB]);
  });

  it('keep the device number that pods were given when they grow while nobody has them open', async () => {
    await using lab = await Lab.create();
    const path = await partitioned(lab, [slice(2, 4n, 8n)]);
    const { rdev } = await stat(`${path}p2`);
    await exec(writeTableCommand(path, table(512, [slice(2, 4n, 16n)])));
    await exec(resizePartitionCommand(path, 2, 16n * MIB));
    expect(await kernelRange(`${path}p2`)).toEqual([4n * MIB, 16n * MIB]);
    expect((await stat(`${path}p2`)).rdev).toBe(rdev);
  });

  it('stay where they were when added again at another place', async () => {
    await using lab = await Lab.create();
    const path = await partitioned(lab, [slice(2, 4n, 8n)]);
    await exec(writeTableCommand(path, table(512, [slice(2, 16n, 8n)])));
    expect((await exec(addPartitionCommand(path, 2))).code).toBe(1);
    expect(await kernelRange(`${path}p2`)).toEqual([4n * MIB, 8n * MIB]);
  });
});

describe('deletePartition()', () => {
  it('tells in use, deleted and not there apart', async () => {
    await using lab = await Lab.create();
    const path = await partitioned(lab, [slice(2, 4n, 8n)]);
    const user = await open(`${path}p2`, 'r');
    expect(await deletePartition(exec, path, 2)).toBe('in-use');
    await user.close();
    expect(await deletePartition(exec, path, 2)).toBe('deleted');
    expect(await deletePartition(exec, path, 2)).toBe('not-there');
  });

  it('fails on a disk that it cannot open', async () => {
    await expect(deletePartition(exec, '/dev/nosuch', 2)).rejects.toMatchObject({ kind: 'host-failed' });
  });
});

describe('signatures', () => {
  it('are listed with their places by wipefs, and counted by blkid where they contradict each other', async () => {
    await using lab = await Lab.create();
    const path = await disk(lab);
    expect(wipefs.parseSignatures(await exec(wipefs.signaturesCommand(path)))).toEqual([]);
    expect(blkid.parseSignatures(await exec(blkid.signaturesCommand(path)))).toEqual([]);
    await run('mkswap', [path]);
    const btrfs = new Uint8Array(4096);
    btrfs.set(Buffer.from('_BHRfS_M'), 64);
    await exec(writeCommand(path, 65536n, btrfs));
    const listed = wipefs.parseSignatures(await exec(wipefs.signaturesCommand(path)));
    expect(listed).toEqual([
      { usage: 'other', type: 'swap', at: 'byte 4086' },
      { usage: 'other', type: 'btrfs', at: 'byte 65600' },
    ]);
    const several = [{ usage: 'other', type: 'several signatures', at: 'unknown' }];
    expect(blkid.parseSignatures(await exec(blkid.signaturesCommand(path)))).toEqual(several);
    await exec(wipefs.wipeSignaturesCommand(path));
    expect(wipefs.parseSignatures(await exec(wipefs.signaturesCommand(path)))).toEqual([]);
  });

  it('are not wiped from under a mount or another exclusive user', async () => {
    await using lab = await Lab.create();
    const path = await partitioned(lab, [slice(2, 4n, 40n)]);
    await exec({ command: 'mkfs.ext4', args: ['-q', `${path}p2`], timeoutMs: 20_000 });
    await exec({ command: 'mkdir', args: [lab.path('mnt')], timeoutMs: 5000 });
    await exec({ command: 'mount', args: [`${path}p2`, lab.path('mnt')], timeoutMs: 5000 });
    await expect(exec(wipefs.wipeSignaturesCommand(`${path}p2`))).rejects.toThrow('Device or resource busy');
  });

  it('of a device that is not there are unknown, not absent', async () => {
    expect(await blkid.readFilesystem(exec, '/dev/nosuch')).toMatchObject({ is: 'unknown' });
    await expect(exec(wipefs.signaturesCommand('/dev/nosuch'))).rejects.toMatchObject({
      kind: 'host-failed',
    });
  });
});

describe('ranges', () => {
  const around = async (path: string) => (await exec(readCommand(path, 4n * MIB - 4096n, 16384))).stdout;

  it.each([
    ['zeroed', (path: string) => zeroCommand(path, { offsetBytes: 4n * MIB, lengthBytes: 8192n })],
    ['discarded', (path: string) => discardCommand(path, { offsetBytes: 4n * MIB, lengthBytes: 8192n })],
    ['shredded', (path: string) => shredCommand(path, 4n * MIB, 8192n)],
    ['written', (path: string) => writeCommand(path, 4n * MIB, new Uint8Array(8192).fill(7))],
  ])('are %s exactly, and not a byte beside them', async (what, command) => {
    await using lab = await Lab.create();
    const image = await lab.image('disk.img', DISK_BYTES);
    await writeFile(image, new Uint8Array(8 * 1024 ** 2).fill(120), { flag: 'r+' });
    const path = await lab.attach(image);
    await exec(command(path));
    const bytes = await around(path);
    const [before, range, after] = [bytes.slice(0, 4096), bytes.slice(4096, 12288), bytes.slice(12288)];
    expect([before, after].every((side) => side.every((byte) => byte === 120))).toBe(true);
    const values = new Set(range);
    if (what === 'shredded') expect(values.size).toBeGreaterThan(200);
    else expect(values).toEqual(new Set([what === 'written' ? 7 : 0]));
  });

  it('of a disk with a mounted partition are zeroed by force only', async () => {
    await using lab = await Lab.create();
    const path = await partitioned(lab, [slice(2, 4n, 40n)]);
    await exec({ command: 'mkfs.ext4', args: ['-q', `${path}p2`], timeoutMs: 20_000 });
    await exec({ command: 'mkdir', args: [lab.path('mnt')], timeoutMs: 5000 });
    await exec({ command: 'mount', args: [`${path}p2`, lab.path('mnt')], timeoutMs: 5000 });
    const range = { offsetBytes: 50n * MIB, lengthBytes: MIB };
    await expect(exec(zeroCommand(path, range))).rejects.toThrow('Device or resource busy');
    await exec(zeroCommand(path, range, { force: true }));
  });
});
