import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * Starts a program that cleans up when its standard input ends, as it does with this process, however that goes.
 * In a session of its own, so that Ctrl-C and the killing of a process group pass it by.
 */
export function startJanitor(script: URL, ...args: readonly string[]): ChildProcess {
  const janitor = spawn(process.execPath, [fileURLToPath(script), ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // A forgotten lab must not keep its process alive.
  janitor.unref();
  return janitor;
}

/** There is nothing left for it to do. */
export async function dismiss(janitor: ChildProcess): Promise<void> {
  if (janitor.exitCode !== null || janitor.signalCode !== null) return;
  janitor.ref();
  const gone = once(janitor, 'exit');
  // Killed, not asked: one that is still starting would keep every short test waiting.
  janitor.kill('SIGKILL');
  await gone;
}
