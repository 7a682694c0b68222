import type { FsType } from '../model/volume.ts';
import type { HostCommand } from './exec.ts';

/** By mount(8) itself, never by a helper program that it may find for a type. */

const TIMEOUT_MS = 60_000;
/** What mount(2) takes: one page. */
const OPTION_BYTES_MAX = 4095;

/** `options` come from checkMountOptions(). */
export function mountCommand(
  fsType: FsType,
  device: string,
  target: string,
  options: readonly string[],
): HostCommand {
  const given = options.length === 0 ? [] : ['--options', options.join(',')];
  return command('mount', ['--internal-only', '--types', fsType, ...given, '--', device, target], device);
}

export function bindCommand(source: string, target: string): HostCommand {
  return command('mount', ['--internal-only', '--bind', '--', source, target]);
}

/**
 * The second half of a read-only bind: until it was made, and seen in mountinfo, the bind is writable. Of a device node
 * it stops nobody from writing.
 */
export function remountReadOnlyBindCommand(target: string): HostCommand {
  return command('mount', ['--internal-only', '--options', 'remount,bind,ro', '--', target]);
}

/** Exactly one mount at `target`, the uppermost. Never lazy, never by force: what is in use is to say so. */
export function unmountCommand(target: string): HostCommand {
  return command('umount', ['--internal-only', '--', target]);
}

function command(name: string, args: readonly string[], device?: string): HostCommand {
  const common = { command: name, args, timeoutMs: TIMEOUT_MS, effect: true };
  return device === undefined ? common : { ...common, device };
}

export type CheckedMountOptions = { readonly ok: readonly string[] } | { readonly refused: string };

/** Names, or with `=` the beginnings of values, of what a volume's mount options must not say; and why. */
const REFUSED: readonly { readonly options: readonly string[]; readonly why: string }[] = [
  {
    options: ['bind', 'rbind', 'move', 'remount'],
    why: 'changes what is mounted',
  },
  {
    options: ['shared', 'rshared', 'slave', 'rslave', 'private', 'rprivate', 'unbindable', 'runbindable'],
    why: 'changes who sees the mount',
  },
  {
    options: ['loop', 'offset', 'sizelimit', 'encryption', 'sb', 'subvol', 'subvolid'],
    why: 'mounts something other than the volume',
  },
  {
    options: ['logdev', 'rtdev', 'journal_dev', 'journal_path', 'device'],
    why: 'reaches another device',
  },
  {
    options: ['helper', 'uhelper', 'user', 'users', 'owner', 'group'],
    why: 'is for mounts by helpers and by users',
  },
  { options: ['errors=panic', 'fatal_errors=panic'], why: 'stops the whole node for one volume' },
];

/** The single options of a volume's mount flags (each may hold several, by commas), or why not. */
export function checkMountOptions(flags: readonly string[]): CheckedMountOptions {
  const ok = flags.flatMap((flag) => flag.split(','));
  for (const option of ok) {
    const why = faultOf(option);
    if (why !== undefined) return { refused: `mount option ${JSON.stringify(option.slice(0, 100))} ${why}` };
  }
  const bytes = Buffer.byteLength(ok.join(','));
  if (bytes > OPTION_BYTES_MAX)
    return { refused: `mount options of ${bytes} bytes, want at most ${OPTION_BYTES_MAX}` };
  return { ok };
}

function faultOf(option: string): string | undefined {
  if (option === '') return 'is empty';
  if (/[\p{Cc}\s"\\]/u.test(option)) return 'has white space, a quote, a backslash or a control character';
  if (/^x-/i.test(option)) return 'is for programs of the host, not for a filesystem';
  if (option.startsWith('verity.')) return 'mounts something other than the volume';
  const name = option.replace(/=.*$/s, '');
  return REFUSED.find(({ options }) => options.includes(name) || options.includes(option))?.why;
}
