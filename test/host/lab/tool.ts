import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

const TOOL_TIMEOUT_MS = 30_000;

/** Where Debian keeps disk tools; a login without root's PATH lacks the sbin folders. */
const FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export const TOOL_ENV = { PATH: FOLDERS.join(':'), LC_ALL: 'C' } as const;

type RunOptions = { readonly input?: string; readonly env?: Readonly<Record<string, string>> };

/**
 * Runs one program to its end and returns its standard output.
 * @throws when it fails or takes longer than 30 s; the message carries its standard error.
 */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { stdout } = await execa(file, args, {
    input: options.input ?? '',
    env: { ...TOOL_ENV, ...options.env },
    timeout: TOOL_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  return stdout;
}

/** Whether a program of this name is installed where `run` looks for it. */
export async function hasTool(name: string): Promise<boolean> {
  const found = await Promise.all(FOLDERS.map((folder) => isExecutable(join(folder, name))));
  return found.includes(true);
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Attaches an image to a free loop device for as long as `use` runs. */
export async function withLoop(image: string, use: (device: string) => Promise<void>): Promise<void> {
  const device = (await run('losetup', ['--find', '--show', image])).trim();
  try {
    await use(device);
  } finally {
    await run('losetup', ['--detach', device]);
  }
}
