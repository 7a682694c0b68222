import { join } from 'node:path';
import type { Answer } from '../model/answer.ts';
import type { SliceNode } from '../model/disk.ts';
import { isOurMapping } from '../model/group.ts';
import { answer, names, text } from './sysfs-files.ts';

/** Devices of device mapper, as /sys shows them: a device without a table is not there yet. */

export type Mapping = SliceNode & {
  /** Given by whoever made it: `LVM-` and the UUIDs of group and volume. */
  readonly uuid: string;
  /** A volume of a group of ours, by its name; a tenant's own device may stand on a raw block volume too. */
  readonly isOurs: boolean;
  /** I/O waits: whoever changed its table has not come to an end. */
  readonly isSuspended: boolean;
  /** Kernel names of the devices that it stands on: none where its disk was pulled, even when that is back. */
  readonly on: readonly string[];
};

/** The device of this UUID: at most one, as the kernel takes no second. */
export function readMapping(uuid: string, root = '/sys', dev = '/dev'): Promise<Answer<Mapping>> {
  return answer(async () => {
    const all = (await names(join(root, 'block'))).filter((name) => name.startsWith('dm-'));
    const uuids = await Promise.all(all.map((name) => text(join(root, 'block', name, 'dm/uuid'))));
    const name = all[uuids.indexOf(uuid)];
    return name === undefined ? undefined : mappingAt(name, root, dev);
  });
}

/** Those that stand on a device, by its kernel name: `nvme1n1p2`. */
export async function readMappingsOn(
  device: string,
  root = '/sys',
  dev = '/dev',
): Promise<readonly Mapping[]> {
  const holders = await names(join(root, 'class/block', device, 'holders'));
  const found = await Promise.all(
    holders.filter((name) => name.startsWith('dm-')).map((name) => mappingAt(name, root, dev)),
  );
  return found.filter((one) => one !== undefined);
}

async function mappingAt(name: string, root: string, dev: string): Promise<Mapping | undefined> {
  const dir = join(root, 'block', name);
  const [uuid, mapped, suspended, majorMinor, size] = await Promise.all(
    ['dm/uuid', 'dm/name', 'dm/suspended', 'dev', 'size'].map((file) => text(join(dir, file))),
  );
  if (!uuid || !mapped || !majorMinor || !size) return undefined;
  return {
    uuid,
    name,
    path: join(dev, name),
    aliases: [join(dev, 'mapper', mapped)],
    majorMinor,
    sizeBytes: BigInt(size) * 512n,
    holders: await names(join(dir, 'holders')),
    isOurs: isOurMapping(mapped),
    isSuspended: suspended === '1',
    on: await presentOf(join(dir, 'slaves')),
  };
}

/** Links to devices stay when what they lead to has gone. */
async function presentOf(links: string): Promise<readonly string[]> {
  const all = await names(links);
  const numbers = await Promise.all(all.map((name) => text(join(links, name, 'dev'))));
  return all.filter((_, at) => numbers[at]);
}
