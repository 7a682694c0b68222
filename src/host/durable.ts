import { constants } from 'node:fs';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { DriverError, messageOf } from '../model/errors.ts';
import type { Crashpoints } from './crashpoint.ts';
import { errnoOf } from './errno.ts';

/**
 * Writes files of the state directory so that after a power cut each is the old one or the new one, whole. One
 * writer a path at a time: the caller's lock sees to it.
 */
export type Durable = {
  /** On disk, file and name, when it resolves. @throws DriverError `host-failed` */
  write(path: string, text: string): Promise<void>;
  /** Gone for good when it resolves; a file that is not there is fine. @throws DriverError `host-failed` */
  remove(path: string): Promise<void>;
  /** Keeps what cannot be parsed as PATH.broken, in place of an older one. @throws DriverError `host-failed` */
  setAside(path: string): Promise<void>;
};

export function createDurable(crashpoints: Crashpoints): Durable {
  return {
    write: (path, text) => inWords('write', path, () => write(path, text, crashpoints)),
    remove: (path) => inWords('remove', path, () => remove(path, crashpoints)),
    setAside: (path) => inWords('set aside', path, () => move(path, `${path}.broken`, crashpoints)),
  };
}

async function write(path: string, text: string, crashpoints: Crashpoints): Promise<void> {
  const temporary = `${path}.tmp`;
  const effect = `durable write ${basename(temporary)}`;
  crashpoints.before(effect);
  // Overwrites what a killed process left; a symlink there is nothing that we made.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  try {
    await using(await open(temporary, flags, 0o600), async (file) => {
      await file.writeFile(text);
      await file.sync();
    });
  } catch (error) {
    // A full filesystem shall not fill up with halves.
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  crashpoints.after(effect);
  await move(temporary, path, crashpoints);
}

async function move(from: string, to: string, crashpoints: Crashpoints): Promise<void> {
  const effect = `durable rename ${basename(to)}`;
  crashpoints.before(effect);
  await rename(from, to);
  await syncDirectory(dirname(to));
  crashpoints.after(effect);
}

async function remove(path: string, crashpoints: Crashpoints): Promise<void> {
  const effect = `durable remove ${basename(path)}`;
  crashpoints.before(effect);
  try {
    await unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  // Also when it was gone: the process that removed it may have been killed before it was on disk.
  await syncDirectory(dirname(path));
  crashpoints.after(effect);
}

async function syncDirectory(path: string): Promise<void> {
  await using(await open(path, constants.O_RDONLY | constants.O_DIRECTORY), (directory) => directory.sync());
}

async function using(file: FileHandle, work: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await work(file);
  } finally {
    await file.close();
  }
}

async function inWords(verb: string, path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new DriverError('host-failed', `cannot ${verb} ${path}: ${messageOf(error)}`, { cause: error });
  }
}
