import { basename } from 'node:path';
import type { Line } from './points.ts';

/**
 * Whether a driver did anything outside its crash points, told by strace and not by the driver: every program that it
 * started and every file that it made, renamed or removed must lie between `before` and `after` of a point that names
 * it. A program that only reads is listed below, so that a new one without a point fails.
 */

const SYSCALLS = [
  ...[
    'execve',
    'rename',
    'renameat',
    'renameat2',
    'unlink',
    'unlinkat',
    'mkdir',
    'mkdirat',
    'rmdir',
    'mknod',
  ],
  ...['mknodat', 'open', 'openat', 'openat2', 'creat', 'truncate', 'ftruncate', 'link', 'linkat', 'symlink'],
  ...['symlinkat', 'mount', 'umount2', 'chmod', 'fchmodat', 'fallocate', 'move_mount', 'mount_setattr'],
];

/** strace as a detached tracer, so that the process that is started is the driver itself. */
export function straceCommand(output: string): readonly string[] {
  const filter = `trace=${SYSCALLS.map((name) => `?${name}`).join(',')}`;
  return [
    'strace',
    '-D',
    '-f',
    '-qq',
    '--seccomp-bpf',
    '-s',
    '4096',
    '-e',
    filter,
    '-e',
    'signal=none',
    '-o',
    output,
  ];
}

export type SystemCall = { readonly pid: string; readonly name: string; readonly args: string };

/** The calls that succeeded, in the order in which they ended. */
export function parseTrace(text: string): readonly SystemCall[] {
  const unfinished = new Map<string, string>();
  return text.split('\n').flatMap((line) => {
    const [, pid = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (rest.endsWith(' <unfinished ...>')) {
      unfinished.set(pid, rest.slice(0, -' <unfinished ...>'.length));
      return [];
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    const whole = resumed === undefined ? rest : `${unfinished.get(pid) ?? ''}${resumed}`;
    const [, name, args = '', result = '-'] = /^(\w+)\((.*)\)\s+= (-?\w+)/.exec(whole) ?? [];
    return name === undefined || result.startsWith('-') ? [] : [{ pid, name, args }];
  });
}

/** What is read by these says nothing and changes nothing; dirname and readlink are the launcher's. */
const READ_ONLY: readonly {
  readonly program: RegExp;
  readonly when?: (argv: readonly string[]) => boolean;
}[] = [
  { program: /^(setpriv|blkid|stat|flock|dirname|readlink|sh|instance-store-csi)$/ },
  { program: /^dd$/, when: (argv) => !argv.some((arg) => arg.startsWith('of=')) },
  { program: /^wipefs$/, when: (argv) => argv.includes('--no-act') },
  { program: /^node$/, when: (argv) => argv.some((arg) => /\/(probe|instance-store-csi)\.mjs$/.test(arg)) },
];

function onlyReads(argv: readonly string[]): boolean {
  const name = basename(argv[0] ?? '');
  return READ_ONLY.some(({ program, when }) => program.test(name) && when?.(argv) !== false);
}

export type Allowed = {
  readonly recording: string;
  readonly stateDirectory: string;
  readonly sockets: readonly string[];
};

/** What was done without a point, in words; and points of host commands behind which no program was seen. */
export function withoutPoint(
  calls: readonly SystemCall[],
  lines: readonly Line[],
  allowed: Allowed,
): readonly string[] {
  const own = calls.find(({ name }) => name === 'execve')?.pid;
  const children = new Set(
    calls.filter(({ name, pid }) => name === 'execve' && pid !== own).map(({ pid }) => pid),
  );
  const open: string[] = [];
  const unseen = lines.filter(({ side }) => side === 'during').map(({ effect }) => effect);
  const faults: string[] = [];
  let at = 0;
  for (const call of calls) {
    if (isRecording(call, allowed)) {
      follow(lines[at], open);
      at += 1;
      continue;
    }
    const effects = effectsOf(call, children, allowed);
    if (effects === undefined) continue;
    const named = effects.find((effect) => open.includes(effect));
    if (named === undefined) faults.push(`no point for ${call.name}(${call.args.slice(0, 200)})`);
    else if (unseen.includes(named)) unseen.splice(unseen.indexOf(named), 1);
  }
  if (at !== lines.length) faults.push(`${lines.length} points were recorded, strace saw ${at}`);
  return [...faults, ...unseen.map((effect) => `a point and no program: ${effect}`)];
}

function isRecording({ name, args }: SystemCall, { recording }: Allowed): boolean {
  return name === 'openat' && args.includes(JSON.stringify(recording));
}

function follow(line: Line | undefined, open: string[]): void {
  if (line?.side === 'before') open.push(line.effect);
  if (line?.side === 'after') open.splice(open.indexOf(line.effect), 1);
}

/** The points of which one must be open; undefined for what changes nothing. */
function effectsOf(
  { pid, name, args }: SystemCall,
  children: ReadonlySet<string>,
  allowed: Allowed,
): readonly string[] | undefined {
  if (name === 'execve') {
    const argv = JSON.parse(/\[.*?\](?=, 0x|, \[| \/\*)/s.exec(args)?.[0] ?? '[]') as readonly string[];
    return onlyReads(argv) ? undefined : [['exec', ...argv].join(' ').slice(0, 80)];
  }
  // What a program does to files is covered by the program's own point.
  if (children.has(pid)) return undefined;
  const paths = [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path]) => path ?? '');
  const path = paths.at(-1) ?? '';
  if (isAllowed(name, path, args, allowed)) return undefined;
  const file = basename(path);
  if (name.startsWith('open')) return [`durable write ${file}`, 'create'];
  if (name.startsWith('rename')) return [`durable rename ${file}`];
  if (name === 'rmdir' || args.includes('AT_REMOVEDIR')) return ['rmdir'];
  if (name.startsWith('unlink')) return [`durable remove ${file}`, 'unlink'];
  return name.startsWith('mkdir') ? ['mkdir'] : [];
}

/** Reading; the lock, the sockets and the folders that a start makes and finds again. */
function isAllowed(name: string, path: string, args: string, { stateDirectory, sockets }: Allowed): boolean {
  if (name.startsWith('open') && !/O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(args)) return true;
  if (name.startsWith('open')) return path === '/dev/null' || path === `${stateDirectory}/lock`;
  if (name.startsWith('mkdir')) return path === stateDirectory || path === `${stateDirectory}/volumes`;
  return name.startsWith('unlink') && sockets.includes(path);
}
