import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Made } from '../../player/player.ts';
import type * as Node from '../guest/node.ts';
import type { Disk } from '../lab/disk.ts';
import { Machine, type Remote } from '../lab/machine.ts';
import { deviceAt, lvmIn } from '../lab/tenant.ts';
import { AS_DRIVER, configuration } from './lab.ts';

const MIB = 1024n ** 2n;
const SMALL_BYTES = 40n * MIB;
const NODE = new URL('../guest/node.ts', import.meta.url);

/** Deleted volumes leave their bytes, which is when others must not read them. */
const CONFIG = configuration('none');

type Status = {
  readonly disks: readonly { readonly disk: string; readonly verdict: string; readonly unread?: string }[];
  readonly volumes: readonly { readonly handle: string; readonly where: string; readonly state: string }[];
};

describe('slices that are logical volumes', () => {
  let machine: Machine;
  let ours: Disk;
  let foreign: Disk;
  let node: Remote<typeof Node>;
  /** Volumes that live from one test to the next. */
  let mounted: Made;
  let block: Made;

  const boot = async (...disks: readonly Disk[]): Promise<void> => {
    await machine.boot(disks);
    node = await machine.module<typeof Node>(NODE);
    await node.start(CONFIG);
  };
  const partition = (): string => `${machine.pathOf(ours)}p2`;
  const status = async (): Promise<Status> => (await node.report('status')) as Status;
  const groupOf = async (): Promise<string> =>
    (await machine.sh(`pvs --noheadings -o vg_name ${partition()} 2>/dev/null`)).trim();

  const bringUp = async (made: Made): Promise<string> => {
    await node.stage(made);
    return node.publish(made);
  };
  const takeDown = async (made: Made): Promise<void> => {
    await node.unpublish(made);
    await node.unstage(made);
  };
  const small = (name: string): Promise<Made> =>
    node.create({ name, sizeBytes: SMALL_BYTES, access: 'block' });

  beforeAll(async () => {
    machine = await Machine.create();
    const disk = (serial: string) => machine.disk({ serial, sizeBytes: 768n * MIB, kind: { is: 'nvme' } });
    [ours, foreign] = [await disk('OURS1'), await disk('FOREIGN')];
    await boot(ours, foreign);
    await node.untilAvailable(1n);
  });

  afterAll(() => machine[Symbol.asyncDispose]());

  it('come out of a group that is the disk’s own, named by its mark, and nothing that the host may activate', async () => {
    const fields = 'vg_name,pv_count,vg_systemid,vg_autoactivation,vg_extent_size,pv_mda_count';
    const told = await machine.sh(
      `pvs --noheadings --separator ' ' --units m -o ${fields} ${AS_DRIVER} ${partition()}`,
    );
    expect(told.trim()).toMatch(/^isc_[0-9a-f]{32} 1 instance-store-csi +1\.00m 2$/);
  });

  it.each(['xfs', 'ext4', 'btrfs'] as const)('live their whole life with %s on them', async (access) => {
    const before = await node.capacity();
    const made = await node.create({ name: `pvc-${access}`, sizeBytes: 320n * MIB, access });
    expect(made.sizeBytes).toBe(320n * MIB);
    const path = await bringUp(made);
    await machine.sh(`echo ${access} >${path}/file; sync`);
    expect(await node.expand(made, 400n * MIB)).toBe(400n * MIB);
    const shown = await machine.sh(`df --output=size -B1 ${path} | tail -1`);
    expect(Number(shown)).toBeGreaterThan(360 * 1024 ** 2 * 0.9);
    expect(await node.health(made)).toEqual([]);
    await expect(node.remove(made)).rejects.toMatchObject({ code: 9 });
    await takeDown(made);
    await node.remove(made);
    await machine.sh('until [[ $(dmsetup ls) == "No devices found" ]]; do sleep 0.2; done');
    await node.untilAvailable(before.availableBytes);
    expect(await node.capacity()).toEqual(before);
  });

  it('read as zeros or as their own tenant’s bytes, on a disk full of somebody’s, also where they grow', async () => {
    const earlier = await node.create({ name: 'pvc-earlier', sizeBytes: 200n * MIB, access: 'block' });
    const dirty = await bringUp(earlier);
    await machine.sh(
      `head -c 200M /dev/zero | tr '\\0' '\\245' | dd of=${dirty} bs=1M iflag=fullblock oflag=direct`,
    );
    await takeDown(earlier);
    await node.remove(earlier);

    block = await small('pvc-block');
    const path = await bringUp(block);
    await machine.sh(`cmp -n ${SMALL_BYTES} ${path} /dev/zero`);
    await machine.sh(
      `head -c ${SMALL_BYTES} /dev/urandom | tee /tmp/written | dd of=${path} bs=1M conv=fsync`,
    );
    const neighbour = await small('pvc-neighbour');
    await machine.sh(
      `dd if=${partition()} bs=1M skip=84 count=100 iflag=direct | tr -d '\\245' | cmp - /dev/null`,
    );
    expect(await node.expand(block, 160n * MIB)).toBe(160n * MIB);
    await machine.sh(`[[ $(blockdev --getsize64 ${path}) == ${160n * MIB} ]]`);
    await machine.sh(`cmp -n ${SMALL_BYTES} ${path} /tmp/written`);
    await machine.sh(`cmp -i ${SMALL_BYTES}:0 -n ${120n * MIB} ${path} /dev/zero`);
    expect(await machine.sh(`dmsetup table | grep -c 'slice_1:'`)).toBe('2\n');
    await node.remove(neighbour);
  });

  it('grow no further than there is room, and say how far', async () => {
    await expect(node.expand(block, 2048n * MIB)).rejects.toMatchObject({
      code: 8,
      message: expect.stringMatching(/at most \d+ MiB/),
    });
    await expect(
      node.create({ name: 'pvc-odd', sizeBytes: MIB + 1n, limitBytes: 2n * MIB - 1n, access: 'block' }),
    ).rejects.toMatchObject({ code: 11 });
  });

  it('are whole again when the driver was killed while the kernel was told of them', async () => {
    mounted = await node.create({ name: 'pvc-mounted', sizeBytes: 320n * MIB, access: 'xfs' });
    const path = await bringUp(mounted);
    await machine.sh(`echo hello >${path}/file; sync`);
    const [group, device] = [await groupOf(), (await machine.sh(`findmnt -no SOURCE ${path}`)).trim()];
    await node.stop();
    // As a kill in the middle of lvextend leaves it: the metadata know more than the kernel, which waits.
    await machine.sh(
      `lvextend --driverloaded n ${AS_DRIVER} ` +
        `--extents +8 ${device.replace(/.*-/, `${group}/`)}; dmsetup suspend ${device}`,
    );
    expect(await node.report('plan')).toMatchObject({
      steps: [{ kind: 'refreshMapping', because: '@behind' }],
    });
    await node.start(CONFIG);
    expect(await machine.sh(`dmsetup info -c --noheadings -o suspended ${device}`)).toMatch(/^Active/);
    expect(await machine.sh(`cat ${path}/file; blockdev --getsize64 ${device}`)).toBe(
      `hello\n${328n * MIB}\n`,
    );
    expect(await node.report('plan')).toMatchObject({ steps: [] });
  });

  it('are there again after a boot with the disks in another order, and after a power cut', async () => {
    await takeDown(mounted);
    await takeDown(block);
    await node.stop();
    const name = machine.pathOf(ours);
    await machine.shutDown();
    await boot(foreign, ours);
    expect(machine.pathOf(ours)).not.toBe(name);
    const path = await bringUp(mounted);
    expect(await machine.sh(`cat ${path}/file`)).toBe('hello\n');
    await machine.sh(`echo again >${path}/file; sync ${path}/file`);
    const raw = await bringUp(block);
    await machine.sh(`echo mine | dd of=${raw} bs=4096 seek=1 conv=fsync,sync`);
    const late = await small('pvc-late');
    await machine.cutPower();
    await boot(ours, foreign);
    const handles = (await status()).volumes.map(({ handle, state }) => [handle, state]);
    const wanted = [
      [mounted.id, 'prepared, served'],
      [block.id, 'prepared, served'],
      [late.id, 'carved, served'],
    ];
    expect(handles.toSorted()).toEqual(wanted.toSorted());
    expect(await machine.sh(`cat ${await bringUp(mounted)}/file`)).toBe('again\n');
    expect(
      await machine.sh(`dd if=${await bringUp(block)} bs=4096 skip=1 count=1 status=none | head -c 4`),
    ).toMatch(/^mine/);
    await node.remove(late);
  });

  it('leave alone a group of the same name on another disk, byte for byte', async () => {
    const [group, other] = [await groupOf(), machine.pathOf(foreign)];
    const only = `--devices ${other}`;
    await machine.sh(
      // What the host calls the group that is active here would be in the way.
      `rm -rf /dev/${group}; vgcreate ${only} ${group} ${other}; lvcreate ${only} -an -Zn -L 64m -n slice_1 ${group}; ` +
        `lvcreate ${only} -an -Zn -L 64m -n slice_9 ${group}; sync`,
    );
    const sum = (): Promise<string> => machine.sh(`sha256sum <${other}`);
    const before = await sum();
    await node.stop();
    await node.start(CONFIG);
    const made = await small('pvc-beside');
    await bringUp(made);
    await node.expand(made, 80n * MIB);
    await takeDown(made);
    await node.remove(made);
    expect(await sum()).toBe(before);
    expect(await machine.sh(`ls /sys/block/${other.slice('/dev/'.length)}/holders`)).toBe('');
    expect((await status()).disks.find(({ disk }) => disk === other)?.verdict).toMatch(/^refused/);
  });

  it('stay their tenants’ with signatures of LVM and md in them, and the disk ours', async () => {
    const { maximumBytes } = await node.capacity();
    const made = await node.create({ name: 'pvc-evil', sizeBytes: maximumBytes, access: 'block' });
    const path = await deviceAt(machine, await bringUp(made));
    const only = lvmIn(path);
    // At the end of the last extent, where md looks for its superblock on the whole partition, too.
    await machine.sh(
      `pvcreate ${only} ${path}; vgcreate ${only} evil ${path}; ` +
        `mdadm --create /dev/md/evil --run --level=1 --raid-devices=2 --metadata=1.0 ${path} missing </dev/null; ` +
        'mdadm --stop /dev/md/evil',
    );
    const sum = (): Promise<string> => machine.sh(`head -c 67108864 ${path} | sha256sum`);
    const before = await sum();
    await node.stop();
    await node.start(CONFIG);
    expect((await status()).volumes.map(({ handle }) => handle)).toContain(made.id);
    expect(await sum()).toBe(before);
    await takeDown(made);
    await node.remove(made);
    expect((await status()).disks.map(({ disk }) => disk)).not.toContain(expect.stringContaining('dm-'));
  });

  it('are inaccessible and not lost while the metadata cannot be read, and nothing is made over them', async () => {
    await takeDown(mounted);
    await node.stop();
    await machine.sh(
      `dd if=${partition()} of=/tmp/label bs=4096 count=1; dd if=/dev/zero of=${partition()} bs=4096 count=1 conv=fsync`,
    );
    const sum = (): Promise<string> => machine.sh(`sha256sum <${partition()}`);
    const before = await sum();
    await node.start(CONFIG);
    const [said] = await node.health(mounted);
    expect(said).toMatch(
      /^INACCESSIBLE DiskUnread: .*its disk is here, and what it bears cannot be told now/,
    );
    expect(await node.capacity()).toEqual({ availableBytes: 0n, maximumBytes: 0n });
    expect((await status()).disks.find(({ disk }) => disk === machine.pathOf(ours))?.unread).toMatch(
      /Failed to find physical volume/,
    );
    expect(await sum()).toBe(before);
    await machine.sh(`dd if=/tmp/label of=${partition()} bs=4096 conv=fsync`);
    await node.stop();
    await node.start(CONFIG);
    expect(await machine.sh(`cat ${await bringUp(mounted)}/file`)).toBe('again\n');
  });

  it('are served again when their disk was pulled while the kernel showed them, and is back', async () => {
    await takeDown(mounted);
    const name = machine.pathOf(ours).slice('/dev/'.length);
    // The kernel's device of the volume stays, so the disk comes back by another name.
    await machine.sh(
      `echo 1 >/sys/block/${name}/device/device/remove; until [[ ! -e /sys/block/${name} ]]; do sleep 0.2; done
       echo 1 >/sys/bus/pci/rescan; until lsblk --nodeps --output SERIAL | grep -q OURS1; do sleep 0.2; done`,
      { timeoutMs: 120_000 },
    );
    await node.stop();
    await node.start(CONFIG);
    expect(await machine.sh(`cat ${await bringUp(mounted)}/file`)).toBe('again\n');
  });
});
