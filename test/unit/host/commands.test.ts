import { describe, expect, it } from '@jest/globals';
import { discardCommand, zeroCommand } from '../../../src/host/blkdiscard.ts';
import { readCommand, shredCommand, writeCommand } from '../../../src/host/dd.ts';
import type { HostCommand } from '../../../src/host/exec.ts';
import { preenCommand } from '../../../src/host/fsck.ts';
import { growCommand } from '../../../src/host/grow.ts';
import { parseDeleted } from '../../../src/host/partx.ts';
import { tableScript, writeTableCommand } from '../../../src/host/sfdisk.ts';
import { parseStatfs } from '../../../src/host/statfs.ts';
import { ATTR_BLOCK, ATTR_PREPARED, type Gpt, TYPE_OWNER, TYPE_VOLUME } from '../../../src/model/gpt.ts';
import { uuid } from '../../../src/model/uuid.ts';

const MIB = 1024n ** 2n;
const argv = ({ command, args }: HostCommand) => [command, ...args].join(' ');
const result = (text: string, code = 0) => ({ code, stdout: Buffer.from(text), stderr: '', durationMs: 1 });

const entry = {
  number: 1,
  type: TYPE_OWNER,
  uuid: uuid('21111111-2222-8333-8444-555555555555'),
  startBytes: MIB,
  sizeBytes: MIB,
  attributes: 0n,
  name: 'owner',
};

const table = (sectorBytes: number, entries: Gpt['entries'] = [entry]): Gpt => ({
  diskGuid: uuid('11111111-2222-8333-8444-555555555555'),
  sectorBytes,
  firstUsableBytes: MIB,
  usableEndBytes: 2047n * MIB,
  entries,
});

describe('tableScript()', () => {
  it('states the whole table, in sectors of 512 bytes', () => {
    const slice = {
      ...entry,
      number: 3,
      type: TYPE_VOLUME,
      attributes: ATTR_PREPARED | ATTR_BLOCK,
      name: 'fast:2',
    };
    expect(tableScript(table(512, [entry, slice])).split('\n')).toEqual([
      'label: gpt',
      'label-id: 11111111-2222-8333-8444-555555555555',
      'table-length: 256',
      'unit: sectors',
      'first-lba: 2048',
      'last-lba: 4192255',
      '',
      `1 : start=2048, size=2048, type=${TYPE_OWNER}, uuid=${entry.uuid}, name="owner", attrs=""`,
      `3 : start=2048, size=2048, type=${TYPE_VOLUME}, uuid=${entry.uuid}, name="fast:2", attrs="GUID:48,49"`,
      '',
    ]);
  });

  it('counts in sectors of 4096 bytes on a 4Kn disk', () => {
    expect(tableScript(table(4096))).toContain(
      'first-lba: 256\nlast-lba: 524031\n\n1 : start=256, size=256,',
    );
  });

  it('keeps the bits that have names', () => {
    const script = tableScript(table(512, [{ ...entry, attributes: 5n | ATTR_BLOCK }]));
    expect(script).toContain('attrs="RequiredPartition LegacyBIOSBootable GUID:49"');
  });

  it.each([
    ['a quote in a name', { ...entry, name: 'a", size=1' }],
    ['half a sector', { ...entry, sizeBytes: 100n }],
    ['a reserved bit', { ...entry, attributes: 1n << 20n }],
  ])('stops on %s', (_, broken) => {
    expect(() => tableScript(table(512, [broken]))).toThrow(expect.objectContaining({ kind: 'bug' }));
  });

  it('goes to an sfdisk that leaves signatures and the kernel alone', () => {
    expect(argv(writeTableCommand('/dev/loop7', table(512)))).toBe(
      'sfdisk --no-reread --no-tell-kernel --wipe=never --wipe-partitions=never --force --quiet --lock=yes /dev/loop7',
    );
  });
});

describe('parseDeleted()', () => {
  it.each([
    [0, '', 'deleted'],
    [1, 'delpart: failed to remove partition: Device or resource busy\n', 'in-use'],
    [1, 'delpart: failed to remove partition: No such device or address\n', 'not-there'],
    [1, 'delpart: cannot open /dev/loop77: No such file or directory\n', undefined],
  ])('reads exit code %d and %j as %s', (code, stderr, deleted) => {
    expect(parseDeleted(code, stderr)).toBe(deleted);
  });
});

describe('parseStatfs()', () => {
  it('counts as df does', () => {
    expect(parseStatfs(result('4096 100 60 50 1000 900\n'))).toEqual({
      type: 'mount',
      bytes: { total: 409600n, used: 163840n, available: 204800n },
      inodes: { total: 1000n, used: 100n, available: 900n },
    });
  });

  it('takes the zero inodes of btrfs for what they are', () => {
    expect(parseStatfs(result('4096 100 60 50 0 0\n')).inodes).toEqual({
      total: 0n,
      used: 0n,
      available: 0n,
    });
  });

  it.each(['', '4096 100', '4096 100 60 50 ? 0'])('is unknown for %j', (text) => {
    expect(() => parseStatfs(result(text))).toThrow(expect.objectContaining({ kind: 'unknown' }));
  });
});

describe('growCommand()', () => {
  it.each([
    ['xfs', 'xfs_growfs -d /mnt/v'],
    ['ext4', 'resize2fs /dev/loop7p2'],
    ['btrfs', 'btrfs filesystem resize max /mnt/v'],
  ] as const)('grows %s by %s', (fsType, expected) => {
    expect(argv(growCommand(fsType, '/dev/loop7p2', '/mnt/v'))).toBe(expected);
  });
});

describe('commands that overwrite', () => {
  it.each([
    [discardCommand('/dev/loop7p2'), 'blkdiscard /dev/loop7p2'],
    [
      zeroCommand('/dev/loop7', { offsetBytes: 0n, lengthBytes: MIB }, { force: true }),
      'blkdiscard --zeroout --force --offset 0 --length 1048576 /dev/loop7',
    ],
    [
      writeCommand('/dev/loop7', MIB, new Uint8Array(4096)),
      'dd iflag=fullblock of=/dev/loop7 oflag=direct,seek_bytes seek=1048576 conv=notrunc,fsync bs=1M status=none',
    ],
    [
      shredCommand('/dev/loop7p2', 0n, MIB),
      'dd if=/dev/urandom count=1048576 iflag=fullblock,count_bytes of=/dev/loop7p2 ' +
        'oflag=direct,seek_bytes seek=0 conv=notrunc,fsync bs=1M status=none',
    ],
    [preenCommand('/dev/loop7p2'), 'e2fsck -p /dev/loop7p2'],
  ])('have crashpoints and name their device: %#', (command, expected) => {
    expect(argv(command)).toBe(expected);
    expect(command.effect).toBe(true);
    expect(expected).toContain(command.device);
  });
});

describe('direct I/O', () => {
  it('reads a range to stdout', () => {
    expect(argv(readCommand('/dev/loop7', 4096n, 8192))).toBe(
      'dd if=/dev/loop7 iflag=direct,fullblock,skip_bytes,count_bytes skip=4096 count=8192 bs=1M status=none',
    );
  });

  it('stops on an odd range, which dd would send through the page cache', () => {
    const bug = expect.objectContaining({ kind: 'bug' });
    expect(() => readCommand('/dev/loop7', 512n, 4096)).toThrow(bug);
    expect(() => writeCommand('/dev/loop7', 0n, new Uint8Array(100))).toThrow(bug);
  });
});
