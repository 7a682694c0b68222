import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestDisk } from '../lab/messages.ts';
import { runTool } from './tool.ts';

/**
 * Shows virtio disks once more as NVMe disks over TCP on the loopback interface: the kernel's own NVMe target says
 * whatever model it is told, and QEMU's NVMe disks have one that cannot be chosen.
 */

const NVMET = '/sys/kernel/config/nvmet';
const PORT = join(NVMET, 'ports/1');
const HOST = '11111111-2222-4333-8444-555555555555';

type Target = { readonly serial: string; readonly uuid: string; readonly model: string };

/** In this order, in which the kernel numbers them. */
export async function showAsNvme(disks: readonly GuestDisk[]): Promise<void> {
  const targets = disks.flatMap(({ serial, uuid, kind }): readonly Target[] =>
    kind.is === 'nvmet-tcp' ? [{ serial, uuid, model: kind.model }] : [],
  );
  if (targets.length === 0) return;
  await runTool('modprobe', ['--all', 'configfs', 'nvmet-tcp', 'nvme-tcp']);
  await runTool('mount', ['-t', 'configfs', 'configfs', '/sys/kernel/config']);
  await mkdir(PORT);
  await set(PORT, {
    addr_trtype: 'tcp',
    addr_adrfam: 'ipv4',
    addr_traddr: '127.0.0.1',
    addr_trsvcid: '4420',
  });
  for (const target of targets) {
    await offer(target);
    await connect(target);
  }
}

const nameOf = ({ serial }: Target): string => `nqn.2026-11.dev.instance-store:${serial}`;

async function offer(target: Target): Promise<void> {
  const subsystem = join(NVMET, 'subsystems', nameOf(target));
  const namespace = join(subsystem, 'namespaces/1');
  await mkdir(namespace, { recursive: true });
  await set(subsystem, { attr_allow_any_host: '1', attr_serial: target.serial, attr_model: target.model });
  await set(namespace, {
    device_path: await virtioDisk(target.serial),
    device_uuid: target.uuid,
    enable: '1',
  });
  await symlink(subsystem, join(PORT, 'subsystems', nameOf(target)));
}

/** Without keep-alives: a guest that is emulated on a busy machine may be silent for longer than they allow. */
async function connect(target: Target): Promise<void> {
  const options = [
    ...['transport=tcp', 'traddr=127.0.0.1', 'trsvcid=4420', `nqn=${nameOf(target)}`, 'nr_io_queues=2'],
    ...['keep_alive_tmo=0', `hostid=${HOST}`, `hostnqn=nqn.2014-08.org.nvmexpress:uuid:${HOST}`],
  ];
  await writeFile('/dev/nvme-fabrics', options.join(','), { flag: 'r+' });
}

async function set(folder: string, attributes: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(attributes)) await writeFile(join(folder, name), value);
}

async function virtioDisk(serial: string): Promise<string> {
  for (const name of await readdir('/sys/block')) {
    if (name.startsWith('vd') && (await readFile(join('/sys/block', name, 'serial'), 'utf8')) === serial)
      return join('/dev', name);
  }
  throw new Error(`found no virtio disk with the serial number ${serial}`);
}
