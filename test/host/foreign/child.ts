import { once } from 'node:events';
import { execa } from 'execa';
import { TOOL_ENV } from '../lab/tool.ts';
import type { Occupation } from './kind.ts';

/** Longer than any test; a child that is left over ends by itself. */
const CHILD_TIMEOUT_MS = 15 * 60_000;
const READY_TIMEOUT_MS = 10_000;

/**
 * Starts a child that makes a situation, prints a line when it holds, and then waits for the end of its
 * standard input: if this process dies, however, the pipe closes and the child goes too.
 */
export async function startHolder(file: string, args: readonly string[]): Promise<Occupation> {
  const child = start(file, args);
  try {
    await ready(child);
  } catch (error) {
    await end(child);
    throw error;
  }
  return { release: () => end(child) };
}

type Holder = ReturnType<typeof start>;

function start(file: string, args: readonly string[]) {
  return execa(file, args, {
    stdin: 'pipe',
    env: TOOL_ENV,
    timeout: CHILD_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    reject: false,
  });
}

async function ready(child: Holder): Promise<void> {
  const signal = AbortSignal.timeout(READY_TIMEOUT_MS);
  const ended = child.then((result) => {
    throw new Error(`Holder ended before it was ready: ${result.stderr}`);
  });
  await Promise.race([once(child.stdout, 'data', { signal }), ended]);
}

async function end(child: Holder): Promise<void> {
  child.kill('SIGKILL');
  await child;
}
