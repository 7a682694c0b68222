import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Devices, GuestDisk } from '../lab/messages.ts';

const TIMEOUT_MS = 5 * 60_000;
const POLL_MS = 20;

/** @throws when one of the disks does not appear */
export async function untilThere(disks: readonly GuestDisk[]): Promise<Devices> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const found = await readDisks();
    const devices = new Map(
      disks.flatMap((disk) =>
        found.filter((one) => isDisk(disk, one)).map(({ name }) => [disk.serial, join('/dev', name)]),
      ),
    );
    if (devices.size === disks.length) return devices;
    const missing = disks.filter(({ serial }) => !devices.has(serial));
    if (Date.now() > deadline)
      throw new Error(`waited in vain for ${missing.map(({ serial }) => serial).join(', ')}`);
    await sleep(POLL_MS);
  }
}

type Found = { readonly name: string; readonly serial: string };

/** A disk that is shown as NVMe is there as a virtio disk as well. */
function isDisk({ serial, kind }: GuestDisk, found: Found): boolean {
  const isName = kind.is === 'virtio' ? /^vd/ : /^nvme\d+n\d+$/;
  return found.serial === serial && isName.test(found.name);
}

async function readDisks(): Promise<readonly Found[]> {
  const names = await readdir('/sys/block');
  return Promise.all(names.map(async (name) => ({ name, serial: await serialOf(name) })));
}

/** Of an NVMe disk its controller's, which the head of its paths is a link away from. */
async function serialOf(name: string): Promise<string> {
  const file = name.startsWith('nvme') ? 'device/serial' : 'serial';
  const text = await readFile(join('/sys/block', name, file), 'utf8').catch(() => '');
  return text.trim();
}
