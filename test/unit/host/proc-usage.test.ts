import { describe, expect, it } from '@jest/globals';
import { parseMountinfo } from '../../../src/host/proc.ts';
import { type UseFacts, usageOf, usersOf } from '../../../src/host/usage.ts';
import type { Disk } from '../../../src/model/disk.ts';

const P1 = {
  number: 1,
  name: 'sdb1',
  path: '/dev/sdb1',
  majorMinor: '8:17',
  startBytes: 0n,
  sizeBytes: 1n,
  holders: ['md127'],
};
const P10 = { ...P1, number: 10, name: 'sdb10', path: '/dev/sdb10', majorMinor: '8:26', holders: [] };

const DISK: Disk = {
  name: 'sdb',
  path: '/dev/sdb',
  majorMinor: '8:16',
  diskSeq: '1',
  sysPath: '/sys/devices/x/sdb',
  sizeBytes: 1n,
  logicalBlockBytes: 512,
  readOnly: false,
  removable: false,
  transport: 'scsi',
  model: '',
  serial: '',
  identity: undefined,
  byIds: [],
  holders: [],
  partitions: [P1, P10],
  array: undefined,
};
const IDLE: Disk = { ...DISK, partitions: [{ ...P1, holders: [] }, P10] };
const NO_FACTS: UseFacts = { mounts: [], swaps: [], loops: [] };
const NO_USE = { root: false, mounts: [], swaps: [], holders: [] };

/** Facts with these lines of mountinfo, `TARGET` to `rw` and ids added. */
const mounted = (
  ...lines: readonly (readonly [majorMinor: string, root: string, target: string, rest: string])[]
) => ({
  ...NO_FACTS,
  mounts: parseMountinfo(
    lines
      .map(([number, root, target, rest]) => `36 35 ${number} ${root} ${target} rw - ${rest} rw`)
      .join('\n'),
  ),
});

describe('usageOf()', () => {
  it('finds nobody where nobody is', () => {
    const others = mounted(['8:1', '/', '/', 'ext4 /dev/sda1'], ['0:6', '/', '/dev', 'devtmpfs devtmpfs']);
    expect(usageOf(IDLE, { ...others, loops: [{ name: 'loop3', backingFile: '/dev/sdb2' }] })).toEqual(
      NO_USE,
    );
  });

  it('finds the root on a partition, and behind the overlay of a container', () => {
    const facts = mounted(['0:90', '/', '/', 'overlay overlay'], ['8:17', '/', '/', 'ext4 /dev/root']);
    expect(usageOf(IDLE, facts)).toEqual({ ...NO_USE, root: true, mounts: ['/ (ext4 on /dev/sdb1)'] });
  });

  it('finds a btrfs root by its source, as its number is of no device', () => {
    expect(usageOf(IDLE, mounted(['0:31', '/@', '/', 'btrfs /dev/sdb10']))).toMatchObject({ root: true });
  });

  it('finds mounts of the disk and its partitions, each in words and once', () => {
    const facts = mounted(
      ['8:16', '/', '/mnt/whole', 'xfs /dev/sdb'],
      ['8:17', '/', '/mnt/part', 'xfs /dev/disk/by-id/x'],
      ['8:17', '/', '/mnt/part', 'xfs /dev/disk/by-id/x'],
    );
    expect(usageOf(IDLE, facts)).toEqual({
      ...NO_USE,
      mounts: ['/mnt/whole (xfs on /dev/sdb)', '/mnt/part (xfs on /dev/sdb1)'],
    });
  });

  it('finds binds of device nodes, deleted ones too', () => {
    const facts = mounted(
      ['0:6', '/sdb1', '/pods/dev', 'devtmpfs devtmpfs'],
      ['0:6', '/sdb10//deleted', '/pods/old', 'devtmpfs udev'],
      ['0:70', '/sdb', '/pods/own', 'tmpfs tmpfs'],
      ['8:1', '/sdb1', '/data', 'ext4 /dev/sda1'],
    );
    expect(usageOf(IDLE, facts).mounts).toEqual([
      'device node /dev/sdb bound at /pods/own',
      'device node /dev/sdb1 bound at /pods/dev',
      'device node /dev/sdb10 bound at /pods/old',
    ]);
  });

  it('finds swap, holders and loop devices, also those on a bind of the node', () => {
    const facts: UseFacts = {
      ...mounted(['0:6', '/sdb10', '/kubelet/dev/uid', 'devtmpfs devtmpfs']),
      swaps: [{ path: '/dev/sdb10', type: 'partition' }],
      loops: [
        { name: 'loop3', backingFile: '/dev/sdb1' },
        { name: 'loop4', backingFile: '/kubelet/dev/uid' },
        { name: 'loop5', backingFile: '/dev/sdb1 (deleted)' },
        { name: 'loop6', backingFile: '/dev/sdb11' },
      ],
    };
    expect(usageOf(DISK, facts)).toMatchObject({
      swaps: ['/dev/sdb10'],
      holders: ['md127 on /dev/sdb1', 'loop3 on /dev/sdb1', 'loop5 on /dev/sdb1', 'loop4 on /dev/sdb10'],
    });
  });
});

describe('usersOf()', () => {
  const facts: UseFacts = {
    ...mounted(['8:26', '/', '/staging', 'xfs /dev/sdb10'], ['8:26', '/', '/pod', 'xfs /dev/sdb10']),
    swaps: [{ path: '/dev/sdb10', type: 'partition' }],
  };

  it('names everybody on one partition', () => {
    const words = ['/staging (xfs on /dev/sdb10)', '/pod (xfs on /dev/sdb10)', 'swap on /dev/sdb10'];
    expect(usersOf(P10, facts)).toEqual(words);
    expect(usersOf(P1, facts)).toEqual(['md127 on /dev/sdb1']);
  });

  it("leaves out the caller's own mounts", () => {
    const words = ['/pod (xfs on /dev/sdb10)', 'swap on /dev/sdb10'];
    expect(usersOf(P10, facts, ['/staging'])).toEqual(words);
  });
});
