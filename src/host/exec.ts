import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { DriverError, messageOf } from '../model/errors.ts';
import type { Crashpoints } from './crashpoint.ts';

/** The one file that starts host commands. Everything else says what to run: an argv, never a shell. */
export type HostCommand = {
  readonly command: string;
  readonly args: readonly string[];
  readonly input?: string | Uint8Array;
  /** Variables besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** How much it may write, 1 MiB when not given. */
  readonly outputBytesMax?: number;
  /** [0] when not given. */
  readonly okCodes?: readonly number[];
  /** Kernel path that the command works on; while one hangs, others on it are refused. */
  readonly device?: string;
  /** True when the command can change a disk or the kernel: these have crashpoints. */
  readonly effect?: boolean;
  /**
   * For a command that keeps something while it runs: its input ends when `until` settles. `timeoutMs` is for its first
   * output, and from then on for its end.
   */
  readonly keep?: { readonly until: Promise<unknown>; readonly onOutput: () => void };
};

export type HostResult = {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
  readonly durationMs: number;
};

/** @throws DriverError `host-failed`, `unknown` (did not end in time), `inaccessible` (the device hangs) */
export type Exec = (command: HostCommand) => Promise<HostResult>;

/** Every way in which a command can end. `hung` = SIGKILL did not end it either. */
type Ending =
  | { readonly is: 'exit'; readonly code: number }
  | { readonly is: 'signal'; readonly signal: string }
  | { readonly is: 'timeout' }
  | { readonly is: 'hung' }
  | { readonly is: 'too-much-output' }
  | { readonly is: 'missing'; readonly program: string }
  | { readonly is: 'not-spawned'; readonly why: string };

export type ExecEvent = {
  readonly command: string;
  readonly args: readonly string[];
  readonly device: string | undefined;
  readonly durationMs: number;
  readonly ending: Ending;
  /** Whether it ended as whoever ran it wanted. */
  readonly isOk: boolean;
};

export type ExecListener = (event: ExecEvent) => void;

const OUTPUT_BYTES_MAX = 1024 ** 2;
const TERM_TO_KILL_MS = 1000;
const KILL_TO_GIVING_UP_MS = 2000;
/** A dead command's descendants that hold its output open are killed when so many looks in a row saw nothing come. */
const QUIET_LOOKS = 5;
const LOOK_MS = 50;

type Output = { readonly ending: Ending; readonly stdout: Uint8Array; readonly stderr: string };

/**
 * Runs commands with bounds on time and output. No child outlives this process; where one did all the same (in the
 * kernel, or before it could ask for its death), it holds `lockFd`, so that the state directory's lock stays taken.
 */
export function createExec(options: {
  readonly lockFd?: number;
  readonly crashpoints: Crashpoints;
  readonly listener?: ExecListener;
}): Exec {
  const hung = new Map<string, string>();
  return async (command) => {
    refuseHung(command, hung);
    const startedAtMs = performance.now();
    const effect = command.effect === true ? effectOf(command) : undefined;
    if (effect !== undefined) options.crashpoints.before(effect);
    const child = start(command, options.lockFd);
    keepRunning(child, command);
    if (effect !== undefined) options.crashpoints.during(effect);
    const output = await outputOf(child, command, hung);
    if (effect !== undefined) options.crashpoints.after(effect);
    const durationMs = performance.now() - startedAtMs;
    const { command: name, args, device } = command;
    const { ending } = output;
    const isOk = isWanted(command, ending);
    options.listener?.({ command: name, args, device, durationMs, ending, isOk });
    return judgeEnding(command, output, durationMs);
  };
}

/** `exec COMMAND ARGS…`, short enough for one line of a record. */
function effectOf(command: HostCommand): string {
  return ['exec', command.command, ...command.args].join(' ').slice(0, 80);
}

function refuseHung(command: HostCommand, hung: ReadonlyMap<string, string>): void {
  const since = hung.get(command.device ?? '');
  if (since === undefined) return;
  throw new DriverError('inaccessible', `${command.device} does not answer: ${since} on it never returned`, {
    reason: 'DeviceNotAnswering',
  });
}

type Child = ReturnType<typeof start>;

function start(command: HostCommand, lockFd: number | undefined) {
  // execa takes any descriptor, its types know those below 10 only.
  const inherited = lockFd === undefined ? [] : [lockFd as 9];
  const child = execa('setpriv', ['--pdeathsig', 'KILL', '--', command.command, ...command.args], {
    stdio: [hasInput(command) ? 'pipe' : 'ignore', 'pipe', 'pipe', ...inherited],
    ...(command.input === undefined ? {} : { input: command.input }),
    encoding: 'buffer',
    maxBuffer: command.outputBytesMax ?? OUTPUT_BYTES_MAX,
    stripFinalNewline: false,
    env: { ...command.env, LC_ALL: 'C' },
    detached: true,
    cleanup: false,
    reject: false,
  });
  child.nodeChildProcess.once('exit', () => closeWhenQuiet(child, { looks: 0, bytes: -1 }));
  return child;
}

const hasInput = ({ input, keep }: HostCommand): boolean => input !== undefined || keep !== undefined;

function keepRunning(child: Child, { keep }: HostCommand): void {
  if (keep === undefined) return;
  child.stdout.once('data', keep.onOutput);
  const end = (): unknown => child.stdin?.end();
  void keep.until.then(end, end);
}

/**
 * A descendant that holds the output open must not lengthen the wait. Time alone does not tell that all was read:
 * where many commands end at once this process learns of an end long before it comes to what was written.
 */
function closeWhenQuiet(child: Child, quiet: { readonly looks: number; readonly bytes: number }): void {
  if (child.stdout.closed && child.stderr.closed) return;
  const bytes = bytesRead(child.stdout) + bytesRead(child.stderr);
  const looks = bytes === quiet.bytes ? quiet.looks + 1 : 0;
  if (looks > QUIET_LOOKS) closeOutput(child);
  else setTimeout(() => closeWhenQuiet(child, { looks, bytes }), LOOK_MS).unref();
}

/** Node spawns with sockets, which count; its types know them as plain streams. */
function bytesRead(stream: Readable): number {
  return (stream as Readable & { readonly bytesRead?: number }).bytesRead ?? 0;
}

function closeOutput(child: Child): void {
  if (child.stdout.closed && child.stderr.closed) return;
  signalGroup(child, 'SIGKILL');
  child.stdout.destroy();
  child.stderr.destroy();
}

function signalGroup(child: Child, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Nobody of the group is left: what was wanted.
  }
}

async function outputOf(child: Child, command: HostCommand, hung: Map<string, string>): Promise<Output> {
  const inTime = await endOf(child, command);
  if (inTime !== undefined) return outputFrom(inTime, command);
  signalGroup(child, 'SIGTERM');
  if ((await within(child, TERM_TO_KILL_MS)) === undefined) {
    signalGroup(child, 'SIGKILL');
    if ((await within(child, KILL_TO_GIVING_UP_MS)) === undefined) return giveUp(child, command, hung);
  }
  return { ending: { is: 'timeout' }, stdout: new Uint8Array(), stderr: '' };
}

/** Undefined when it has not come in time. */
async function endOf(child: Child, { keep, timeoutMs }: HostCommand): Promise<Awaited<Child> | undefined> {
  if (keep !== undefined) {
    const spoke = new Promise((resolve) => child.stdout.once('data', resolve));
    if ((await within(Promise.race([child, spoke]), timeoutMs)) === undefined) return undefined;
    await Promise.race([child, keep.until.catch(() => undefined)]);
  }
  return within(child, timeoutMs);
}

function giveUp(child: Child, command: HostCommand, hung: Map<string, string>): Output {
  const { device } = command;
  if (device !== undefined) {
    hung.set(device, command.command);
    child.nodeChildProcess.once('exit', () => hung.delete(device));
  }
  child.nodeChildProcess.unref();
  closeOutput(child);
  return { ending: { is: 'hung' }, stdout: new Uint8Array(), stderr: '' };
}

/** What the promise gives, or undefined when it gave nothing in time. */
async function within<T>(promise: PromiseLike<T>, timeoutMs: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function outputFrom(result: Awaited<Child>, command: HostCommand): Output {
  const stderr = Buffer.from(result.stderr ?? []).toString('utf8');
  return { ending: endingOf(result, stderr, command), stdout: result.stdout ?? new Uint8Array(), stderr };
}

function endingOf(result: Awaited<Child>, stderr: string, command: HostCommand): Ending {
  if (result.isMaxBuffer === true) return { is: 'too-much-output' };
  if (result.exitCode === 127 && stderr.startsWith('setpriv: '))
    return { is: 'missing', program: command.command };
  if (result.exitCode !== undefined) return { is: 'exit', code: result.exitCode };
  if (result.signal !== undefined) return { is: 'signal', signal: result.signal };
  if (result.code === 'ENOENT') return { is: 'missing', program: 'setpriv' };
  return { is: 'not-spawned', why: messageOf(result.cause) };
}

type Exit = Extract<Ending, { readonly is: 'exit' }>;

function isWanted({ okCodes = [0] }: HostCommand, ending: Ending): ending is Exit {
  return ending.is === 'exit' && okCodes.includes(ending.code);
}

function judgeEnding(command: HostCommand, output: Output, durationMs: number): HostResult {
  const { ending, stdout, stderr } = output;
  if (isWanted(command, ending)) {
    return { code: ending.code, stdout, stderr, durationMs };
  }
  const subject = command.device === undefined ? command.command : `${command.command} ${command.device}`;
  const hungReason = ending.is === 'hung' ? ({ reason: 'DeviceNotAnswering' } as const) : {};
  const kind = ending.is === 'hung' || ending.is === 'timeout' ? 'unknown' : 'host-failed';
  throw new DriverError(kind, `${subject} ${inWords(ending, command)}${shortened(stderr)}`, hungReason);
}

function inWords(ending: Ending, { timeoutMs, outputBytesMax = OUTPUT_BYTES_MAX }: HostCommand): string {
  switch (ending.is) {
    case 'exit':
      return `failed: exit code ${ending.code}`;
    case 'signal':
      return `failed: ended by ${ending.signal}`;
    case 'timeout':
      return `did not return within ${timeoutMs / 1000} s and was killed`;
    case 'hung':
      return `did not return within ${timeoutMs / 1000} s and cannot be killed: the device does not answer`;
    case 'too-much-output':
      return `failed: wrote more than ${outputBytesMax} bytes`;
    case 'missing':
      return `failed: ${ending.program} is not installed (Debian package ${packageOf(ending.program)})`;
    case 'not-spawned':
      return `failed: could not be started: ${ending.why}`;
  }
}

/** `: ` and the first few lines of what the command complained about, fit for a message; empty when it said nothing. */
function shortened(stderr: string): string {
  const lines = stderr.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return lines === '' ? '' : `: ${lines.slice(0, 300)}`;
}

const PACKAGES: Readonly<Record<string, string>> = {
  sfdisk: 'fdisk',
  mount: 'mount',
  umount: 'mount',
  'mkfs.xfs': 'xfsprogs',
  xfs_growfs: 'xfsprogs',
  'mkfs.ext4': 'e2fsprogs',
  resize2fs: 'e2fsprogs',
  e2fsck: 'e2fsprogs',
  'mkfs.btrfs': 'btrfs-progs',
  btrfs: 'btrfs-progs',
  dmsetup: 'dmsetup',
  lvm: 'lvm2',
  mdadm: 'mdadm',
  dd: 'coreutils',
  stat: 'coreutils',
};

function packageOf(program: string): string {
  return PACKAGES[program] ?? 'util-linux';
}
