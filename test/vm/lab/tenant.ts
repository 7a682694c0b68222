import type { Machine } from './machine.ts';

/** The kernel's name for a published device, the only one by which LVM knows it. */
export async function deviceAt(machine: Machine, path: string): Promise<string> {
  const numbers = `$((0x$(stat -c %t ${path}))):$((0x$(stat -c %T ${path})))`;
  return `/dev/${(await machine.sh(`basename "$(realpath /sys/dev/block/${numbers})"`)).trim()}`;
}

/** Options with which LVM works on a device that it would rather leave alone: a logical volume, with an array in it. */
export const lvmIn = (device: string): string =>
  `--config 'devices { scan_lvs=1 md_component_detection=0 }' --devices ${device}`;
