import { join } from 'node:path';
import { names, orUnknown, text } from './sysfs-files.ts';

/** What the kernel says of md devices in /sys. */

const UNIT_BYTES = 512n;

/** An md device, running or not. @see Documentation/admin-guide/md.rst */
export type MdDevice = {
  /** Kernel name: `md127`. */
  readonly name: string;
  /** `inactive` while parts are missing, `broken` when too many failed; else how it runs (`clean`, `read-auto` …). */
  readonly state: string;
  /** Kernel names of the partitions and disks that it stands on, those too that are gone. */
  readonly parts: readonly string[];
  readonly failed: readonly string[];
  /** How many of its places have no part, or one that is still being rebuilt; 0 of a raid0. */
  readonly degraded: number;
  /** What is being synchronised or rebuilt, if anything is. */
  readonly sync: Sync | undefined;
};

export type Sync = { readonly doneBytes: bigint; readonly ofBytes: bigint };

/** @throws DriverError `unknown` when /sys cannot be read */
export async function readMdDevices(root = '/sys'): Promise<readonly MdDevice[]> {
  return orUnknown('list the arrays', async () => {
    const devices = (await names(join(root, 'block'))).map((name) => readMdDevice(root, name));
    return (await Promise.all(devices)).filter((device) => device !== undefined);
  });
}

/**
 * A path for a new array: mdadm itself counts down from 127, too.
 * @throws DriverError `unknown` when /sys cannot be read
 */
export async function freeMdPath(root = '/sys'): Promise<string> {
  const taken = await orUnknown('list the arrays', () => names(join(root, 'block')));
  let number = 127;
  while (taken.includes(`md${number}`)) number -= 1;
  return `/dev/md${number}`;
}

/** Undefined for what is no md device, or vanishes meanwhile. */
async function readMdDevice(root: string, name: string): Promise<MdDevice | undefined> {
  const dir = join(root, 'block', name, 'md');
  const state = await text(join(dir, 'array_state'));
  if (state === '') return undefined;
  const parts = (await names(dir))
    .filter((entry) => entry.startsWith(PART))
    .map((entry) => entry.slice(PART.length));
  const states = await Promise.all(parts.map((part) => text(join(dir, `${PART}${part}`, 'state'))));
  return {
    name,
    state,
    parts,
    failed: parts.filter((_part, at) => states[at]?.split(',').includes('faulty')),
    degraded: Number((await text(join(dir, 'degraded'))) || 0),
    sync: parseSync(await text(join(dir, 'sync_completed'))),
  };
}

/** Before the name of a part in the name of its folder. */
const PART = 'dev-';

/** `1024 / 204800` in sectors; `none` or `delayed` when nothing is done at the moment. */
function parseSync(completed: string): Sync | undefined {
  const [, done, of] = /^([0-9]+) \/ ([0-9]+)$/.exec(completed) ?? [];
  if (done === undefined || of === undefined) return undefined;
  return { doneBytes: BigInt(done) * UNIT_BYTES, ofBytes: BigInt(of) * UNIT_BYTES };
}
