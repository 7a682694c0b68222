import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FOLDER } from './place.ts';
import { run } from './tool.ts';
import { until } from './wait.ts';

const START_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 20_000;

/** The control plane or a node: namespaces that end with their first process, which is known by `pid` in the folder. */
export type Machine = { readonly folder: string };

export const CONTROL_PLANE: Machine = { folder: join(FOLDER, 'control-plane') };

/**
 * Starts the first process of a machine by a command that makes its namespaces, in a session of its own, so that it
 * outlives who started it. What it says is in `boot.log`.
 */
export async function start({ folder }: Machine, command: readonly [string, ...string[]]): Promise<void> {
  const [file, ...args] = command;
  const log = await open(join(folder, 'boot.log'), 'a');
  try {
    spawn(file, args, { detached: true, stdio: ['ignore', log.fd, log.fd] }).unref();
  } finally {
    await log.close();
  }
  await until(`first process of ${folder}`, START_TIMEOUT_MS, () => pidOf({ folder }));
}

/** The first process as the host numbers it; undefined when the machine is not up. */
export async function pidOf({ folder }: Machine): Promise<number | undefined> {
  const pid = Number(await readFile(join(folder, 'pid'), 'utf8').catch(() => 0));
  if (pid === 0) return undefined;
  // After the host's own boot the number may be somebody else's.
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.includes(`\0${FOLDER}\0`) ? pid : undefined;
}

/** SIGKILL to the first process: the kernel takes along all others and all mounts. */
export async function kill(machine: Machine): Promise<void> {
  const pid = await pidOf(machine);
  if (pid === undefined) return;
  process.kill(pid, 'SIGKILL');
  await until(`end of ${machine.folder}`, END_TIMEOUT_MS, async () => (await pidOf(machine)) === undefined);
}

/** Runs a command in the machine and returns its standard output. */
export async function runInside(machine: Machine, command: readonly string[]): Promise<string> {
  const pid = await pidOf(machine);
  if (pid === undefined) throw new Error(`${machine.folder} is not up`);
  return run('nsenter', [`--target=${pid}`, '--mount', '--uts', '--pid', '--net', '--', ...command]);
}

/** Signals a service; after SIGKILL the machine starts it again. */
export async function signalService(machine: Machine, name: string, signal: NodeJS.Signals): Promise<void> {
  const pid = (await readFile(join(machine.folder, `${name}.pid`), 'utf8')).trim();
  await runInside(machine, ['kill', `-${signal.slice('SIG'.length)}`, pid]);
}
