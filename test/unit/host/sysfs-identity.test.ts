import { describe, expect, it } from '@jest/globals';
import { type IdentityFacts, identityOf } from '../../../src/host/identity.ts';
import { transportOf } from '../../../src/host/sysfs.ts';

const NOTHING: IdentityFacts = {
  transport: 'scsi',
  wwid: '',
  model: '',
  serial: '',
  nsid: '',
  backingFile: '',
};

const ata = (serial: string) => `t10.${'ATA'.padEnd(8)}${'QEMU HARDDISK'.padEnd(40)}${serial.padEnd(20)}`;

type Row = {
  readonly what: string;
  readonly facts: Partial<IdentityFacts>;
  readonly identity: string | undefined;
};

const ROWS: readonly Row[] = [
  { what: 'a worldwide name', facts: { wwid: 'naa.5000c500a1b2c3d4' }, identity: 'naa.5000c500a1b2c3d4' },
  { what: 'an EUI', facts: { wwid: 'eui.0025385b71b0f3c2', serial: 'S1' }, identity: 'eui.0025385b71b0f3c2' },
  {
    what: 'a name the kernel made of an NVMe serial number',
    facts: { transport: 'nvme', wwid: 'nvme.1d0f-564f4c31-416d-00000001' },
    identity: 'nvme.1d0f-564f4c31-416d-00000001',
  },
  {
    what: 'an NVMe name of a serial of zeros',
    facts: { transport: 'nvme', wwid: 'nvme.0000-30303030-416d-00000001', serial: '0000', model: 'Am' },
    identity: undefined,
  },
  { what: 'an NVMe name of no serial', facts: { wwid: 'nvme.1d0f--416d-00000001' }, identity: undefined },
  { what: 'an EUI of zeros', facts: { wwid: 'eui.0000000000000000' }, identity: undefined },
  { what: 'zeros', facts: { wwid: '00000000000000000000' }, identity: undefined },
  { what: 't10 blanks', facts: { wwid: 't10.                ' }, identity: undefined },
  { what: 'an ATA disk', facts: { wwid: ata('QM00001') }, identity: 't10.ATA QEMU HARDDISK QM00001' },
  { what: 'an ATA disk of no serial', facts: { wwid: ata('') }, identity: undefined },
  {
    what: 'an ATA disk of escaped NULs',
    facts: { wwid: `${ata('').trimEnd().padEnd(52)}\\0\\0\\0` },
    identity: undefined,
  },
  {
    what: 'a placeholder and a serial number',
    facts: { wwid: 'eui.0000000000000000', model: 'Fast', serial: 'S42', nsid: '3', transport: 'nvme' },
    identity: 'Fast:S42:3',
  },
  {
    what: 'a virtio serial number',
    facts: { transport: 'virtio', serial: 'vol-1' },
    identity: 'virtio:vol-1',
  },
  { what: 'a filler for a serial number', facts: { model: 'Fast', serial: 'N/A' }, identity: undefined },
  { what: 'a model alone', facts: { model: 'Fast' }, identity: undefined },
  { what: 'a loop file', facts: { transport: 'loop', backingFile: '/a b' }, identity: 'loop:/a b' },
  {
    what: 'a deleted loop file',
    facts: { transport: 'loop', backingFile: '/a (deleted)', serial: 'S1' },
    identity: undefined,
  },
];

describe('identityOf()', () => {
  it.each(ROWS)('of $what is $identity', ({ facts, identity }) => {
    expect(identityOf({ ...NOTHING, ...facts })).toBe(identity);
  });
});

describe('transportOf()', () => {
  const PATHS = [
    { path: '/sys/devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1', transport: 'nvme' },
    { path: '/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1', transport: 'nvme' },
    { path: '/sys/devices/virtual/nvme-fabrics/ctl/nvme2/nvme2n1', transport: 'nvme' },
    {
      path: '/sys/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda',
      transport: 'scsi',
    },
    {
      path: '/sys/devices/pci0000:00/0000:00:05.0/virtio3/host2/target2:0:0/2:0:0:1/block/sdb',
      transport: 'scsi',
    },
    { path: '/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda', transport: 'virtio' },
    { path: '/sys/devices/virtual/block/loop7', transport: 'loop' },
    { path: '/sys/devices/virtual/block/dm-0', transport: 'other' },
    { path: '/sys/devices/virtual/block/md127', transport: 'md' },
    { path: '/sys/devices/platform/mmc0/mmc0:0001/block/mmcblk0', transport: 'other' },
  ] as const;

  it.each(PATHS)('of $path is $transport', ({ path, transport }) => {
    expect(transportOf(path)).toBe(transport);
  });
});
