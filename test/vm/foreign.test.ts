import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checksum } from '../host/lab/checksum.ts';
import type * as Node from './guest/node.ts';
import type { Disk } from './lab/disk.ts';
import { Machine, type Remote } from './lab/machine.ts';

const DISK_BYTES = 128n * 1024n ** 2n;

/** What others have on disks that a pool wants as well, and what the driver says of it. */
type Foreign = {
  readonly what: string;
  readonly disks: 1 | 2;
  /** A line of bash that makes it. */
  readonly make: (...paths: readonly string[]) => string;
  readonly reason: string;
};

const KEY = '--key-file <(echo secret) --batch-mode --pbkdf-force-iterations 1000 --pbkdf pbkdf2';

const FOREIGN: readonly Foreign[] = [
  {
    what: 'members of an md array',
    disks: 2,
    make: (one, two) =>
      `mdadm --create /dev/md70 --run --assume-clean --level=1 --raid-devices=2 ${one} ${two}; mdadm --stop /dev/md70`,
    reason: 'has a signature',
  },
  {
    what: 'members of an md array that runs',
    disks: 2,
    make: (one, two) =>
      `mdadm --create /dev/md71 --run --assume-clean --level=0 --raid-devices=2 ${one} ${two}; mkfs.ext4 -q /dev/md71`,
    reason: 'holds another device',
  },
  {
    what: 'physical volumes of a volume group',
    disks: 2,
    make: (one, two) =>
      `vgcreate theirs ${one} ${two}; lvcreate --yes --wipesignatures n -n data -L 64M theirs; vgchange -an theirs`,
    reason: 'has a signature',
  },
  {
    what: 'a physical volume with an active logical volume',
    disks: 1,
    make: (path) => `vgcreate active ${path}; lvcreate --yes --wipesignatures n -n data -L 64M active`,
    reason: 'holds another device',
  },
  {
    what: 'a LUKS container',
    disks: 1,
    make: (path) => `cryptsetup luksFormat ${KEY} ${path}`,
    reason: 'has a signature',
  },
  {
    what: 'an open LUKS container',
    disks: 1,
    make: (path) =>
      `cryptsetup luksFormat ${KEY} ${path}; cryptsetup open --key-file <(echo secret) ${path} vault`,
    reason: 'holds another device',
  },
  {
    what: 'a filesystem',
    disks: 1,
    make: (path) => `mkfs.btrfs -q --mixed ${path}`,
    reason: 'has a signature',
  },
  {
    what: 'a mounted filesystem',
    disks: 1,
    make: (path) => `mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 ${path}; mount ${path} /mnt`,
    reason: 'mounted',
  },
  {
    what: 'a filesystem that is mounted where nobody else sees it',
    disks: 1,
    make: (path) =>
      `mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 ${path};
       unshare --mount bash -c 'mount ${path} /srv; sleep infinity' </dev/null >/dev/null 2>&1 &
       until grep -q /srv /proc/$!/mountinfo; do sleep 0.1; done`,
    reason: 'busy',
  },
  {
    what: 'swap space',
    disks: 1,
    make: (path) => `mkswap ${path}; swapon ${path}`,
    reason: 'swap',
  },
  {
    what: 'a partition table whose partition is mounted',
    disks: 1,
    make: (path) =>
      `echo 'size=64M' | sfdisk -q --label gpt ${path}; mkfs.ext4 -q -E lazy_itable_init=0 ${path}p1; mkdir -p /mnt2; mount ${path}p1 /mnt2`,
    reason: 'mounted',
  },
  {
    what: 'an empty partition table',
    disks: 1,
    make: (path) => `echo 'label: gpt' | sfdisk -q ${path}`,
    reason: 'has a partition table',
  },
  {
    what: 'bytes that nobody knows, in its middle',
    disks: 1,
    make: (path) => `dd if=/dev/urandom of=${path} bs=4k count=16 seek=14k`,
    reason: 'unrecognised data',
  },
];

const CONFIG = {
  apiVersion: 'instance-store.csi.dev/v1alpha1',
  kind: 'DriverConfiguration',
  pools: [{ name: 'all', disks: { match: [{ transport: 'nvme' }], minSize: '64Mi' } }],
};

describe('the shipped driver, whose pool wants every NVMe disk', () => {
  let machine: Machine;
  let node: Remote<typeof Node>;
  const disks = new Map<Foreign, readonly Disk[]>();
  let blank: Disk;
  let before: Checksums;
  let after: Checksums;
  let refusals: ReadonlyMap<string, string>;
  let availableBytes: bigint;

  beforeAll(async () => {
    machine = await Machine.create();
    node = await machine.module<typeof Node>(new URL('guest/node.ts', import.meta.url));
    await putDisksIn();
    for (const foreign of FOREIGN) await machine.sh(foreign.make(...pathsOf(foreign)));
    before = await checksums();
    await node.start(CONFIG);
    refusals = await node.refusals();
    ({ availableBytes } = await node.capacity());
    await node.stop();
    after = await checksums();
  });

  afterAll(() => machine[Symbol.asyncDispose]());

  async function putDisksIn(): Promise<void> {
    const nvme = (serial: string): Promise<Disk> =>
      machine.disk({ serial, sizeBytes: DISK_BYTES, kind: { is: 'nvme' } });
    for (const [at, foreign] of FOREIGN.entries()) {
      const serials = Array.from({ length: foreign.disks }, (_, n) => `FOREIGN-${at}-${n}`);
      disks.set(foreign, await Promise.all(serials.map(nvme)));
    }
    blank = await nvme('BLANK');
    await machine.boot([...disks.values(), blank].flat());
  }

  const disksOf = (foreign: Foreign): readonly Disk[] => disks.get(foreign) ?? [];
  const pathsOf = (foreign: Foreign): readonly string[] =>
    disksOf(foreign).map((disk) => machine.pathOf(disk));

  /** Of the files that the disks are, when what was made on them has come to rest. */
  async function checksums(): Promise<Checksums> {
    await machine.sh('sync; sleep 1; sync');
    const of = async (foreign: Foreign) =>
      [foreign, await Promise.all(disksOf(foreign).map(({ file }) => checksum(file)))] as const;
    return new Map(await Promise.all(FOREIGN.map(of)));
  }

  it('takes a blank disk', () => {
    expect(refusals.get(machine.pathOf(blank))).toBeUndefined();
    expect(availableBytes).toBeGreaterThan(DISK_BYTES / 2n);
    expect(availableBytes).toBeLessThan(DISK_BYTES);
  });

  it.each(FOREIGN)('leaves $what alone, as $reason', (foreign) => {
    expect(pathsOf(foreign).map((path) => refusals.get(path))).toEqual(
      disksOf(foreign).map(() => foreign.reason),
    );
    expect(after.get(foreign)).toEqual(before.get(foreign));
  });
});

type Checksums = ReadonlyMap<Foreign, readonly string[]>;
