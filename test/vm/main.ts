/**
 * A virtual machine with Debian's own kernel, for what this machine's kernel cannot show.
 *
 *   node test/vm/main.ts image    make what it boots, unless that is in the cache
 *   node test/vm/main.ts shell    a person's shell in it, with disks and the built driver
 */
import { elasticBlockStore, instanceStore } from './lab/disk.ts';
import { makeImage } from './lab/image.ts';
import { Machine } from './lab/machine.ts';

const COMMANDS = { image: makeImage, shell: openShell };

const DISK_BYTES = 16n * 1024n ** 3n;

const WELCOME = `
Four disks look like EC2's local ones, one like a volume of EBS; all are files that go with this machine.

  instance-store-csi plan            what the driver would do with them
  instance-store-csi node &          let it do that, and serve
  instance-store-csi status
  instance-store-csi why nvme4n1

lsblk, sfdisk, mdadm, lvm, nvme, fio and the like are here. exit, or Ctrl-D, ends the machine.
`;

async function openShell(): Promise<void> {
  await using machine = await Machine.create();
  const disks = [];
  for (const number of [1, 2, 3, 4]) disks.push(await machine.disk(instanceStore(number, DISK_BYTES)));
  disks.push(await machine.disk(elasticBlockStore(5, DISK_BYTES)));
  console.log('Booting, half a minute without KVM');
  await machine.boot(disks);
  await machine.shell(WELCOME);
}

const command = COMMANDS[process.argv[2] as keyof typeof COMMANDS];
if (command === undefined) throw new Error(`Usage: main.ts ${Object.keys(COMMANDS).join('|')}`);
await command();
