import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type * as Echo from './guest/echo.ts';
import { type Disk, elasticBlockStore, instanceStore } from './lab/disk.ts';
import { Machine } from './lab/machine.ts';

const MIB = 1024n ** 2n;
const GOES_WITHIN_MS = 20_000;

describe('a machine', () => {
  let machine: Machine;
  let disks: readonly Disk[];

  beforeAll(async () => {
    machine = await Machine.create();
    disks = [
      await machine.disk({ ...instanceStore(1, 64n * MIB), writeCache: true }),
      await machine.disk(instanceStore(2, 64n * MIB)),
      await machine.disk(elasticBlockStore(3, 64n * MIB)),
      await machine.disk({ serial: 'PLAIN-NVME', sizeBytes: 64n * MIB, kind: { is: 'nvme' } }),
      await machine.disk({ serial: 'PLAIN-VIRTIO', sizeBytes: 64n * MIB, kind: { is: 'virtio' } }),
    ];
    await machine.boot(disks);
  });

  afterAll(() => machine[Symbol.asyncDispose]());

  const nth = (n: number): Disk => disks[n] as Disk;

  it('shows its disks as they were described', async () => {
    const told = await machine.sh('lsblk --nodeps --noheadings --output NAME,SIZE,MODEL,SERIAL /dev/nvme?n1');
    const names = disks.map((disk) => machine.pathOf(disk).slice('/dev/'.length));
    for (const pattern of [
      `${names[0]} +64M Amazon EC2 NVMe Instance Storage +AWS00000000000000001`,
      `${names[1]} +64M Amazon EC2 NVMe Instance Storage +AWS00000000000000002`,
      `${names[2]} +64M Amazon Elastic Block Store +vol00000000000000003`,
      `${names[3]} +64M QEMU NVMe Ctrl +PLAIN-NVME`,
    ])
      expect(told).toMatch(new RegExp(pattern));
    expect(names[4]).toMatch(/^vd/);
    expect(await machine.sh(`cat /sys/block/${names[0]}/wwid`)).toBe(`uuid.${nth(0).uuid}\n`);
  });

  it('has the tools, Node 24 and the built driver', async () => {
    await machine.sh(
      'mdadm --version; lvm version; thin_check --version; cryptsetup --version; nvme version',
    );
    await machine.sh(
      'mkfs.xfs -V; mkfs.btrfs --version; quota --version; fio --version; type multipathd udisksctl',
    );
    expect(await machine.sh('node --version; type instance-store-csi')).toMatch(/^v24\./);
  });

  it('says what a line of bash printed when it fails', async () => {
    await expect(machine.sh('echo so far; false; echo not so far')).rejects.toThrow(
      /ended with 1:\nso far\n/,
    );
  });

  it('calls functions of a module, which remembers between calls', async () => {
    const echo = await machine.module<typeof Echo>(new URL('guest/echo.ts', import.meta.url));
    expect(await echo.remember({ sizeBytes: 2n ** 60n })).toBeUndefined();
    expect(await echo.remembered()).toEqual({ sizeBytes: 2n ** 60n });
    await expect(echo.refuse('in words', 9)).rejects.toMatchObject({
      message: expect.stringContaining('in words'),
      code: 9,
    });
    await expect(echo.die()).rejects.toThrow(/ended \(3\) before it answered/);
  });

  it('keeps its disks and its state over a reboot, under other names, and nothing else', async () => {
    const [disk, other] = [nth(1), nth(3)];
    await machine.sh(`echo written to ${machine.pathOf(disk)} | dd of=${machine.pathOf(disk)} conv=fsync`);
    await machine.sh(
      'echo kept >/var/lib/instance-store-csi/state; echo kept >/var/lib/kubelet/state; echo >/gone',
    );
    const id = await machine.sh('cat /etc/machine-id');
    const names = disks.map((one) => machine.pathOf(one));
    await machine.shutDown();
    await machine.boot(disks.toReversed());
    expect(disks.map((one) => machine.pathOf(one))).not.toEqual(names);
    expect(await machine.sh(`head -c 7 ${machine.pathOf(disk)}; head -c 7 ${machine.pathOf(other)}`)).toBe(
      `written${'\0'.repeat(7)}`,
    );
    expect(await machine.sh('cat /var/lib/{instance-store-csi,kubelet}/state; ls /gone || true')).toMatch(
      /^kept\nkept\nls: cannot access/,
    );
    expect(await machine.sh('cat /etc/machine-id')).toBe(id);
  });

  it('loses at a power cut some of what was not flushed to a disk with a cache, and nothing that was', async () => {
    const write = (text: string, at: number, options: string): Promise<string> =>
      machine.sh(
        `dd if=<(yes ${text}) of=${machine.pathOf(nth(0))} bs=4k count=64 iflag=fullblock seek=${at} ${options}`,
      );
    const intact = async (text: string, at: number): Promise<number> => {
      const disk = machine.pathOf(nth(0));
      const lines = await machine.sh(
        `dd if=${disk} bs=4k skip=${at} count=64 iflag=direct status=none | tr -s '\\0'`,
      );
      return lines.split(text).length - 1;
    };
    await write('flushed', 256, 'oflag=direct conv=fsync');
    await write('doubtful', 512, 'oflag=direct');
    const [flushed, doubtful] = [await intact('flushed', 256), await intact('doubtful', 512)];
    expect(await machine.cutPower()).toBeGreaterThanOrEqual(64);
    await machine.boot([nth(0)]);
    expect(await intact('flushed', 256)).toBe(flushed);
    const left = await intact('doubtful', 512);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(doubtful);
  });

  it('is installed anew without what it kept, and with its disks', async () => {
    const id = await machine.sh('cat /etc/machine-id');
    await machine.shutDown();
    await machine.reinstall();
    await machine.boot([nth(1)]);
    expect(await machine.sh('ls /var/lib/instance-store-csi')).toBe('');
    expect(await machine.sh('cat /etc/machine-id')).not.toBe(id);
    expect(await machine.sh(`head -c 7 ${machine.pathOf(nth(1))}`)).toBe('written');
  });
});

describe('the end of a process that has a machine', () => {
  it('is the end of the machine and of its folder', async () => {
    const program = `
      import { Machine } from '${new URL('lab/machine.ts', import.meta.url)}';
      const machine = await Machine.create();
      console.log(machine.folder);
      await machine.boot([]);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [folder] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    await until(() => existsSync(`${folder}/agent.sock`));
    const qemu = await qemuOn(folder, child.pid);
    child.kill('SIGKILL');
    await until(() => !existsSync(folder) && !existsSync(`/proc/${qemu}`));
  });
});

/** The child of a process that has the folder on its command line. */
async function qemuOn(folder: string, parent: number | undefined): Promise<number> {
  const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8');
  for (const pid of children.trim().split(' ')) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    if (command.startsWith('qemu-system') && command.includes(folder)) return Number(pid);
  }
  throw new Error(`found no QEMU among the children of ${parent}`);
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + GOES_WITHIN_MS;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`not so after ${GOES_WITHIN_MS} ms: ${isSo}`);
    await sleep(50);
  }
}
