import { MIB } from '../model/bytes.ts';
import type { FsType } from '../model/volume.ts';
import type { HostCommand } from './exec.ts';
import { flagsOf } from './mkfs-options.ts';

export { checkMkfsOptions } from './mkfs-options.ts';

const TIMEOUT_MS = 30 * 60_000;

/**
 * The least that a volume of this filesystem may have. mkfs.xfs 6.1 refuses below 300 MiB. mkfs.btrfs 6.2 would take
 * 109 MiB, but the kernel resizes none to less than 256 MiB. ext4 goes down to 2 MiB with a journal; at 4 MiB something
 * is left for the user.
 */
export function fsMinimumBytes(fsType: FsType): bigint {
  return { xfs: 300n, ext4: 4n, btrfs: 256n }[fsType] * MIB;
}

/**
 * Makes a filesystem over whatever is on `device`, of features that the kernel (`uname -r`) can mount. Nothing is
 * discarded: sanitizing is another step's work. `options` come from checkMkfsOptions() and win over ours; `extra` is
 * appended as it is. Wants xfsprogs 5.19, e2fsprogs 1.47 or newer (Debian 12). Wipe the signatures first: mkfs.btrfs
 * refuses a UUID that blkid finds anywhere, also on this very device after an mkfs that was killed or not recorded.
 */
export function mkfsCommand(what: {
  readonly fsType: FsType;
  readonly device: string;
  readonly uuid: string;
  readonly options: readonly string[];
  readonly kernel: string;
  readonly extra?: readonly string[];
}): HostCommand {
  const own = [...OWN_FLAGS[what.fsType](what.uuid), ...profile(what.fsType, what.kernel)];
  const flags = merged(what.fsType, own, flagsOf(what.options));
  return {
    command: `mkfs.${what.fsType}`,
    args: [...BARE_FLAGS[what.fsType], ...flags.flat(), ...(what.extra ?? []), what.device],
    timeoutMs: TIMEOUT_MS,
    device: what.device,
    effect: true,
  };
}

type Flag = readonly [string] | readonly [string, string];

const BARE_FLAGS: Readonly<Record<FsType, readonly string[]>> = {
  xfs: ['-f', '-K', '-q'],
  ext4: ['-F', '-q'],
  btrfs: ['-f', '-K', '-q'],
};

/**
 * ext4: inode tables are cleared after the mount; the journal at once, as an old tenant's transactions might be
 * replayed out of it after a crash. No blocks for root alone: that spares a system disk, and here would be lost.
 */
const OWN_FLAGS: Readonly<Record<FsType, (uuid: string) => readonly Flag[]>> = {
  xfs: (uuid) => [['-m', `uuid=${uuid}`]],
  ext4: (uuid) => [
    ['-U', uuid],
    ['-E', 'nodiscard,lazy_itable_init=1'],
    ['-m', '0'],
  ],
  btrfs: (uuid) => [['-U', uuid]],
};

/** What newer tools switch on by default, and the kernel that can first mount it. */
const SINCE: readonly {
  readonly fsType: FsType;
  readonly kernel: readonly [number, number];
  readonly off: Flag;
}[] = [
  { fsType: 'xfs', kernel: [5, 10], off: ['-m', 'bigtime=0'] },
  { fsType: 'xfs', kernel: [5, 10], off: ['-m', 'inobtcount=0'] },
  { fsType: 'xfs', kernel: [5, 19], off: ['-i', 'nrext64=0'] },
  { fsType: 'ext4', kernel: [5, 15], off: ['-O', '^orphan_file'] },
];

function profile(fsType: FsType, kernel: string): readonly Flag[] {
  const match = /^([0-9]+)\.([0-9]+)/.exec(kernel);
  const [major, minor] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)];
  const isOlder = (than: readonly [number, number]) =>
    major < than[0] || (major === than[0] && minor < than[1]);
  return SINCE.filter((row) => row.fsType === fsType && isOlder(row.kernel)).map((row) => row.off);
}

/** Flags whose lists mke2fs takes once only: of several, the last would win and undo ours. */
const JOINED: Readonly<Record<FsType, readonly string[]>> = { xfs: [], ext4: ['-E', '-O', '-J'], btrfs: [] };

/** mkfs.xfs refuses a key that comes twice; the other two let the later one win. */
function merged(fsType: FsType, own: readonly Flag[], users: readonly Flag[]): readonly Flag[] {
  const given = new Set(
    users.flatMap(([flag, list]) => (list ?? '').split(',').map((item) => `${flag} ${keyOf(item)}`)),
  );
  const ours =
    fsType === 'xfs' ? own.filter(([flag, item]) => !given.has(`${flag} ${keyOf(item ?? '')}`)) : own;
  const joined = new Map<string, Flag>();
  const flags: Flag[] = [];
  for (const flag of [...ours, ...users]) {
    const before = joined.get(flag[0]);
    if (!JOINED[fsType].includes(flag[0])) flags.push(flag);
    else joined.set(flag[0], before === undefined ? flag : [flag[0], `${before[1]},${flag[1]}`]);
  }
  return [...flags, ...joined.values()];
}

function keyOf(item: string): string {
  return item.replace(/=.*$/s, '');
}
