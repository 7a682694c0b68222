import { join } from 'node:path';
import type { Disk } from './disk.ts';
import type { Image } from './image.ts';
import { ROOT } from './place.ts';

/** A machine as QEMU is told of it. */
export type Hardware = {
  readonly image: Image;
  /** Holds `share` and `kept.qcow2`, and gets the sockets of agent and console. */
  readonly folder: string;
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
  ...['console=ttyS0', 'quiet', 'panic=-1', 'mitigations=off', 'nokaslr', 'norandmaps', 'init_on_alloc=0'],
  ...['tsc=reliable', 'no_timer_check', 'random.trust_cpu=on'],
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
  const { image, folder, disks, memoryMib, cpus, udev } = hardware;
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
    ...driveArgv('kept', `file=${join(folder, 'kept.qcow2')},format=qcow2`),
    ...['-device', 'virtio-blk-pci,drive=kept,serial=kept'],
    ...disks.flatMap(diskArgv),
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

function diskArgv({ serial, file, format, kind }: Disk): readonly string[] {
  const device = kind.is === 'nvme' ? 'nvme,max_ioqpairs=2' : 'virtio-blk-pci';
  return [
    ...driveArgv(`disk-${serial}`, `file=${file},format=${format},discard=unmap,detect-zeroes=off`),
    ...['-device', `${device},drive=disk-${serial},serial=${serial}`],
  ];
}
