import { lstat, mkdir, open, readlink, rmdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DriverError, messageOf } from '../model/errors.ts';
import type { Crashpoints } from './crashpoint.ts';
import { errnoOf } from './errno.ts';

const PATH_BYTES_MAX = 4096;

/** @throws DriverError `invalid-argument` unless `path` is absolute and means just what it says */
export function checkPath(field: string, path: string): void {
  const wrong = faultOf(path);
  if (wrong === undefined) return;
  const shown = JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
  throw new DriverError(
    'invalid-argument',
    `${field}: found ${shown}, which ${wrong}; want an absolute path`,
  );
}

function faultOf(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (!path.startsWith('/')) return 'is not absolute';
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) return `is longer than ${PATH_BYTES_MAX} bytes`;
  if (/\p{Cc}/u.test(path)) return 'has a control character';
  const parts = path.slice(1).split('/');
  if (parts.includes('')) return 'has an empty component';
  if (parts.includes('.') || parts.includes('..')) return 'has a "." or ".." in it';
  return undefined;
}

/**
 * What does not exist yet is fine. Asks by readlink, which unlike stat needs nothing from a filesystem that is
 * mounted on the way and may not answer.
 *
 * @throws DriverError `invalid-argument` when a component of `path` is a symlink, or one above the last is no directory
 */
export async function noSymlinks(field: string, path: string): Promise<void> {
  const parts = path.split('/').slice(1);
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const ancestor = `/${parts.slice(0, depth).join('/')}`;
    const found = await linkAt(ancestor);
    if (found.is === 'absent') return;
    if (found.is === 'link') {
      const words = `${field}: found ${ancestor} to be a symlink to ${JSON.stringify(found.to)}`;
      throw new DriverError('invalid-argument', `${words}; want a path without symlinks`);
    }
  }
}

type Link =
  | { readonly is: 'absent' }
  | { readonly is: 'plain' }
  | { readonly is: 'link'; readonly to: string };

async function linkAt(path: string): Promise<Link> {
  try {
    return { is: 'link', to: await readlink(path) };
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'EINVAL') return { is: 'plain' };
    if (code === 'ENOENT') return { is: 'absent' };
    const kind = code === 'ENOTDIR' ? 'invalid-argument' : 'host-failed';
    throw new DriverError(kind, `cannot look at ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** With its parents, as callers other than kubelet leave them to us; one that is there is fine. */
export async function makeTargetDirectory(path: string, crashpoints: Crashpoints): Promise<void> {
  await around(crashpoints, 'mkdir', path, async () => {
    await mkdir(path, { recursive: true, mode: 0o750 });
  });
}

/** An empty file with its parents, for a device node to be bound on. Never opens what is there already. */
export async function makeTargetFile(path: string, crashpoints: Crashpoints): Promise<void> {
  await makeTargetDirectory(dirname(path), crashpoints);
  await around(crashpoints, 'create', path, async () => {
    try {
      await (await open(path, 'wx', 0o640)).close();
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      if ((await lstat(path)).isDirectory()) throw new Error('a directory is there, want a file or nothing');
    }
  });
}

/**
 * Removes an empty directory or an empty file that a mount was on, nothing below and nothing with bytes in it. One that
 * is gone is fine.
 */
export async function removeTarget(path: string, crashpoints: Crashpoints): Promise<void> {
  try {
    await around(crashpoints, 'rmdir', path, () => rmdir(path));
  } catch (error) {
    const code = errnoOf((error as DriverError).cause);
    if (code === 'ENOENT') return;
    if (code !== 'ENOTDIR') throw error;
    await removeFile(path, crashpoints);
  }
}

async function removeFile(path: string, crashpoints: Crashpoints): Promise<void> {
  await around(crashpoints, 'unlink', path, async () => {
    const stat = await lstat(path);
    if (!stat.isFile() || stat.size > 0) throw new Error('it is not an empty file, so it is none of ours');
    await unlink(path);
  });
}

/** @throws DriverError with the system's error as cause; `in-use` for EBUSY */
async function around(
  crashpoints: Crashpoints,
  effect: 'mkdir' | 'create' | 'rmdir' | 'unlink',
  path: string,
  work: () => Promise<void>,
): Promise<void> {
  crashpoints.before(effect);
  try {
    await work();
  } catch (error) {
    const kind = errnoOf(error) === 'EBUSY' ? 'in-use' : 'host-failed';
    throw new DriverError(kind, `cannot ${effect} ${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    crashpoints.after(effect);
  }
}
