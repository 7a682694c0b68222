import { describe, expect, it } from '@jest/globals';
import {
  addMemberCommand,
  assembleArrayCommand,
  createArrayCommand,
  detailCommand,
  dropMemberCommand,
  examineCommand,
  parseDetail,
  parseExamine,
  stopArrayCommand,
  zeroSuperblockCommand,
} from '../../../src/host/mdadm.ts';
import { uuid } from '../../../src/model/uuid.ts';

const UUID = uuid('11111111-2222-4333-8444-555555555555');
const TWO = ['/dev/nvme1n1p2', '/dev/nvme2n1p2'];

describe('createArrayCommand()', () => {
  const argsOf = (level: 'raid0' | 'raid1' | 'raid10', chunkBytes: bigint) =>
    createArrayCommand({ path: '/dev/md127', uuid: UUID, level, chunkBytes, members: TWO }).args.join(' ');

  it.each([
    ['raid0', 524288n, '--level=raid0 --raid-devices=2 --chunk=512K --data-offset=1M'],
    ['raid1', 0n, '--level=raid1 --raid-devices=2 --bitmap=internal --bitmap-chunk=64M --data-offset=1M'],
    [
      'raid10',
      65536n,
      '--level=raid10 --raid-devices=2 --chunk=64K --layout=n2 --bitmap=internal --bitmap-chunk=64M --data-offset=1M',
    ],
  ] as const)('leaves nothing of a %s to mdadm', (level, chunkBytes, layout) => {
    expect(argsOf(level, chunkBytes)).toBe(
      '--create /dev/md127 --quiet --config=none --run --metadata=1.2 ' +
        `--uuid=${UUID} --homehost=any --name=instance-store-csi-11111111 ${layout} ${TWO.join(' ')}`,
    );
  });

  it('gives it a name that md keeps whole, with its home', () => {
    const name = /--name=(\S+)/.exec(argsOf('raid0', 4096n))?.[1] ?? '';
    expect(`any:${name}`.length).toBeLessThanOrEqual(32);
  });
});

describe('what changes an array', () => {
  it.each([
    [
      'assembles',
      assembleArrayCommand('/dev/md127', UUID, TWO),
      `--assemble /dev/md127 --quiet --config=none --run --uuid=${UUID} ${TWO.join(' ')}`,
    ],
    ['stops', stopArrayCommand('/dev/md127'), '--stop /dev/md127 --quiet'],
    ['forgets', zeroSuperblockCommand('/dev/nvme1n1p2'), '--zero-superblock /dev/nvme1n1p2 --quiet'],
    [
      'adds',
      addMemberCommand('/dev/md127', '/dev/nvme1n1p2'),
      '--manage /dev/md127 --quiet --add /dev/nvme1n1p2',
    ],
    [
      'drops',
      dropMemberCommand('/dev/md127', 'nvme1n1p2'),
      '--manage /dev/md127 --quiet --fail nvme1n1p2 --remove nvme1n1p2',
    ],
  ])('%s: an effect, and no wait for a udevd', (_what, { args, effect, env }, words) => {
    expect(args.join(' ')).toBe(words);
    expect([effect, env]).toEqual([true, { MDADM_NO_UDEV: '1' }]);
  });

  it('is known by its members when it does not come to an end: its path may be the next one’s', () => {
    const [create, assemble] = [
      createArrayCommand({
        path: '/dev/md127',
        uuid: UUID,
        level: 'raid0',
        chunkBytes: 524288n,
        members: TWO,
      }),
      assembleArrayCommand('/dev/md127', UUID, TWO),
    ];
    expect([create, assemble, stopArrayCommand('/dev/md127')].map(({ device }) => device)).toEqual([
      TWO.join(' '),
      TWO.join(' '),
      '/dev/md127',
    ]);
  });

  it('does not change it by asking for its UUID', () => {
    expect(detailCommand('/dev/md127')).toMatchObject({ args: ['--detail', '--export', '/dev/md127'] });
    expect(detailCommand('/dev/md127').effect).toBeUndefined();
    expect(examineCommand(TWO[0] ?? '')).toMatchObject({ args: ['--examine', '/dev/nvme1n1p2'] });
    expect(examineCommand(TWO[0] ?? '').effect).toBeUndefined();
  });
});

/** Of mdadm 4.2, on Linux 6.1. */
const RUNNING = `MD_LEVEL=raid1
MD_DEVICES=2
MD_METADATA=1.2
MD_UUID=11111111:22224333:84445555:55555555
MD_NAME=any:instance-store-csi-11111111
MD_DEVICE_dev_nvme1n1p2_ROLE=0
MD_DEVICE_dev_nvme1n1p2_DEV=/dev/nvme1n1p2
`;
const INACTIVE = `MD_DEVICES=1
MD_METADATA=1.2
MD_UUID=11111111:22224333:84445555:55555555
MD_DEVNAME=none:isc-11111111
MD_NAME=none:isc-11111111
MD_DEVICE_dev_nvme1n1p2_ROLE=spare
MD_DEVICE_dev_nvme1n1p2_DEV=/dev/nvme1n1p2
`;

describe('parseDetail()', () => {
  it.each([
    ['an array that runs', RUNNING],
    ['one of which parts are missing', INACTIVE],
  ])('finds the UUID of %s', (_what, output) => {
    expect(parseDetail(Buffer.from(output))).toBe(UUID);
  });

  it.each([
    ['nothing', ''],
    ['no UUID', RUNNING.replace(/MD_UUID=.*\n/, '')],
    ['half of one', RUNNING.replace(':55555555', '')],
    ['that of another key', RUNNING.replace('MD_UUID', 'OLD_MD_UUID')],
  ])('finds none in %s', (_what, output) => {
    expect(parseDetail(Buffer.from(output))).toBeUndefined();
  });
});

/** Of mdadm 4.2, on Linux 6.1. */
const EXAMINED = `/dev/nvme1n1p2:
          Magic : a92b4efc
        Version : 1.2
    Feature Map : 0x1
     Array UUID : 58e9b7e4:4e704f83:9c4c8925:e20e3124
           Name : any:instance-store-csi-58e9b7e4
  Creation Time : Sun Nov 22 02:03:29 2026
     Raid Level : raid1
   Raid Devices : 2

 Avail Dev Size : 188416 sectors (92.00 MiB 96.47 MB)
     Array Size : 94208 KiB (92.00 MiB 96.47 MB)
    Data Offset : 2048 sectors
   Super Offset : 8 sectors
   Unused Space : before=1968 sectors, after=0 sectors
          State : clean
    Device UUID : 4cfa07cb:b3cf6c5e:8770221e:db67024d

Internal Bitmap : 8 sectors from superblock
    Update Time : Sun Nov 22 02:04:36 2026
  Bad Block Log : 512 entries available at offset 16 sectors
       Checksum : 44276225 - correct
         Events : 38


   Device Role : Active device 1
   Array State : AA ('A' == active, '.' == missing, 'R' == replacing)
`;

describe('parseExamine()', () => {
  it.each([
    ['all places', EXAMINED, { active: [0, 1], isPartial: false }],
    ['its own alone', EXAMINED.replace('AA', '.A'), { active: [1], isPartial: false }],
    [
      'a place that was being rebuilt',
      EXAMINED.replace('    Data Offset', 'Recovery Offset : 131072 sectors\n    Data Offset'),
      { active: [0, 1], isPartial: true },
    ],
    [
      'a place that was about to be rebuilt',
      EXAMINED.replace('Active device 1', 'spare'),
      { active: [0, 1], isPartial: true },
    ],
    ['nothing', 'mdadm: No md superblock detected on /dev/nvme1n1p2.', undefined],
  ])('finds that a part knew %s', (_what, output, superblock) => {
    expect(parseExamine(Buffer.from(output))).toEqual(superblock);
  });
});
