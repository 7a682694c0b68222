import { join } from 'node:path';
import type { Disk } from './disk.ts';
import type { Image } from './image.ts';
import { ROOT } from './place.ts';

/** A machine as QEMU is told of it. */
export type Hardware = {
  readonly image: Image;
  /** Holds `share`, and the sockets of agent, console and the disks with a cache. */
  readonly folder: string;
  /** For what a node keeps on its root. */
  readonly kept: Disk;
  readonly disks: readonly Disk[];
  readonly memoryMib: number;
  readonly cpus: number;
  readonly udev: boolean;
};

/**
 * What makes an emulated guest bearable. `norandmaps`: the emulator keeps translated code by its address, and without
 * it translates each process anew, which is five times slower.
 */
const KERNEL_ARGUMENTS = [
  ...['console=ttyS0', 'loglevel=5', 'panic=-1'],
  ...['mitigations=off', 'nokaslr', 'norandmaps', 'init_on_alloc=0'],
  'random.trust_cpu=on',
  // By which a clock is set at boot must not be what runs late on a busy machine: the guest's time ran tenfold then.
  ...['clocksource=hpet', 'tsc=unstable', 'no_timer_check'],
  // What the kernel does with keys and hashes at each boot, it does slowly here.
  'cryptomgr.notests',
  // A disk of an emulated guest on a busy machine may take its time.
  ...['nvme_core.io_timeout=240', 'nvme_core.admin_timeout=240'],
];

/** `kvm` where there is a KVM that works; by software everywhere. */
const ACCELERATORS = {
  tcg: ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'max,la57=off,-erms,-smap,-smep'],
  kvm: ['-accel', 'kvm', '-cpu', 'host'],
};

export function qemuArgv(
  hardware: Hardware,
  accelerator: string = process.env.ACCEL ?? 'tcg',
): readonly string[] {
  const { image, folder, kept, disks, memoryMib, cpus, udev } = hardware;
  const acceleration = ACCELERATORS[accelerator as keyof typeof ACCELERATORS];
  if (acceleration === undefined)
    throw new Error(`ACCEL=${accelerator}: want ${Object.keys(ACCELERATORS).join(' or ')}`);
  const socket = (name: string): string => `path=${join(folder, name)}.sock,server=on,wait=off`;
  return [
    ...['-machine', 'q35', ...acceleration, '-smp', `${cpus}`, '-m', `${memoryMib}`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-kernel', image.kernel, '-initrd', image.initramfs],
    ...['-append', [...KERNEL_ARGUMENTS, ...(udev ? ['udev'] : [])].join(' ')],
    // What the guest's kernel says is logged, and a person may look in.
    ...['-chardev', `socket,id=console,${socket('console')},logfile=${join(folder, 'console.log')}`],
    ...['-serial', 'chardev:console'],
    ...folderArgv('share', join(folder, 'share'), 'off'),
    ...folderArgv('checkout', ROOT, 'on'),
    ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=agent,${socket('agent')}`],
    ...['-device', 'virtserialport,chardev=agent,name=agent'],
    // These two come first, so that the guest knows them as vda and vdb.
    ...driveArgv('root', `file=${image.root},format=raw,snapshot=on,cache=unsafe`),
    ...['-device', 'virtio-blk-pci,drive=root,serial=root'],
    ...[kept, ...disks].flatMap((disk) => diskArgv(folder, disk)),
  ];
}

const folderArgv = (tag: string, path: string, readonly: 'on' | 'off'): readonly string[] => [
  ...['-fsdev', `local,id=${tag},path=${path},security_model=none,readonly=${readonly}`],
  ...['-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
];

const driveArgv = (id: string, options: string): readonly string[] => [
  '-drive',
  `if=none,id=${id},${options}`,
];

/** Where QEMU finds a disk with a cache. */
export const diskSocket = (folder: string, { serial }: Disk): string => join(folder, `${serial}.sock`);

function diskArgv(folder: string, disk: Disk): readonly string[] {
  const { serial, file, kind, writeCache } = disk;
  const from = writeCache ? `nbd+unix:///?socket=${diskSocket(folder, disk)}` : file;
  const device = kind.is === 'nvme' ? 'nvme,max_ioqpairs=2' : 'virtio-blk-pci';
  return [
    ...driveArgv(`disk-${serial}`, `file=${from},format=raw,discard=unmap,detect-zeroes=off`),
    ...['-device', `${device},drive=disk-${serial},serial=${serial}`],
  ];
}
