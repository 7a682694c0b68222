import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Made } from '../../player/player.ts';
import type * as Node from '../guest/node.ts';
import type { Disk } from '../lab/disk.ts';
import { Machine, type Remote } from '../lab/machine.ts';
import { deviceAt, lvmIn } from '../lab/tenant.ts';
import { configuration } from './lab.ts';

const MIB = 1024n ** 2n;

const CONFIG = configuration('discard');

describe('beside a host with systemd-udevd and an LVM of its own', () => {
  let machine: Machine;
  let ours: Disk;
  let hosts: Disk;
  let node: Remote<typeof Node>;
  let block: Made;

  const boot = async (): Promise<void> => {
    await machine.boot([ours, hosts]);
    node = await machine.module<typeof Node>(new URL('../guest/node.ts', import.meta.url));
  };
  const mapped = (): Promise<string> => machine.sh('udevadm settle; dmsetup ls | cut -f1 | sort');

  beforeAll(async () => {
    machine = await Machine.create({ udev: true });
    const disk = (serial: string) => machine.disk({ serial, sizeBytes: 512n * MIB, kind: { is: 'nvme' } });
    [ours, hosts] = [await disk('OURS1'), await disk('HOST1')];
    await boot();
    await machine.sh(
      `vgcreate host ${machine.pathOf(hosts)}; lvcreate --yes -L 64m -n data host; vgchange -an host`,
    );
    await node.start(CONFIG);
    await node.untilAvailable(1n);
    block = await node.create({ name: 'pvc-block', sizeBytes: 128n * MIB, access: 'block' });
    await node.stage(block);
    const path = await deviceAt(machine, await node.publish(block));
    // What a tenant may do in its own volume.
    await machine.sh(
      `pvcreate ${lvmIn(path)} ${path}; vgcreate ${lvmIn(path)} tenant ${path}; ` +
        `lvcreate ${lvmIn(path)} -an -Zn -L 32m -n data tenant; sync`,
    );
    await node.unpublish(block);
    await node.unstage(block);
    await node.stop();
    await machine.shutDown();
    await boot();
  });

  afterAll(() => machine[Symbol.asyncDispose]());

  it('are activated by nobody but the driver: not at boot, not by events, not by hand', async () => {
    expect(await mapped()).not.toMatch(/isc_/);
    await machine.sh('vgchange --activate y || true; vgchange --activate ay || true');
    expect(await mapped()).toBe('host-data\n');
  });

  it('are changed by nobody but the driver', async () => {
    const partition = `${machine.pathOf(ours)}p2`;
    const sum = (): Promise<string> => machine.sh(`head -c 8388608 ${partition} | sha256sum`);
    const before = await sum();
    const group = (await machine.sh(`pvs --foreign --noheadings -o vg_name ${partition}`)).trim();
    for (const line of [
      `lvremove --yes ${group}`,
      `lvchange --addtag other ${group}`,
      `vgremove --force --yes ${group}`,
      `vgrename ${group} other`,
      `lvcreate --yes -L 16m ${group}`,
    ])
      await expect(machine.sh(line)).rejects.toThrow(/Cannot access VG|system ID/);
    expect(await sum()).toBe(before);
  });

  it('keep what a tenant wrote to its tenant, and the group of the host to the host', async () => {
    await node.start(CONFIG);
    await node.stage(block);
    const path = await node.publish(block);
    const sum = (): Promise<string> => machine.sh(`udevadm settle; sha256sum <${path}`);
    const before = await sum();
    await machine.sh('pvscan --cache; vgchange --activate ay || true');
    expect((await mapped()).trim().split('\n')).toEqual([
      'host-data',
      expect.stringMatching(/^isc_[0-9a-f]{32}-slice_1$/),
    ]);
    expect(await machine.sh('vgs --noheadings -o vg_name 2>/dev/null')).not.toMatch(/tenant/);
    expect(await node.expand(block, 160n * MIB)).toBe(160n * MIB);
    expect(await machine.sh(`head -c ${128n * MIB} ${path} | sha256sum`)).toBe(before);
    await node.unpublish(block);
    await node.unstage(block);
    await node.remove(block);
    expect(await mapped()).toBe('host-data\n');
  });
});
