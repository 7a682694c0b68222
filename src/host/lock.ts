import { closeSync, constants, openSync } from 'node:fs';
import { DriverError, messageOf } from '../model/errors.ts';
import { NO_CRASHPOINTS } from './crashpoint.ts';
import { createExec } from './exec.ts';

/** `fd` keeps the lock: never close it, and hand it to createExec(). */
export type Lock = { readonly is: 'held'; readonly fd: number } | { readonly is: 'taken' };

/**
 * Takes the lock of the state directory (law 9) without waiting, and makes its file if need be. A BSD lock belongs
 * to the open file: flock(1) takes it through the descriptor it inherits and ends, and it stays with us until we and
 * every child that inherited it are gone. Node has no flock of its own.
 *
 * @throws DriverError `host-failed` when the file cannot be opened or flock(1) cannot run
 */
export async function acquireLock(path: string): Promise<Lock> {
  const fd = openLockFile(path);
  const exec = createExec({ lockFd: fd, crashpoints: NO_CRASHPOINTS });
  try {
    const { code } = await exec({
      command: 'flock',
      args: ['--nonblock', '3'],
      timeoutMs: 20_000,
      okCodes: [0, 1],
    });
    if (code === 0) return { is: 'held', fd };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return { is: 'taken' };
}

function openLockFile(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    throw new DriverError('host-failed', `cannot open the lock file ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
