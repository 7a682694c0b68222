import { readdir, readFile, readlink } from 'node:fs/promises';
import { ABSENT, type Answer, present, unknown } from '../model/answer.ts';
import { DriverError, messageOf } from '../model/errors.ts';

/** Files of /sys, of which many are there for some devices only. */

/** Without one of these there is no such attribute for this disk; anything else is not known. */
const NO_ATTRIBUTE = new Set(['ENOENT', 'ENXIO', 'ENODEV', 'EINVAL', 'EOPNOTSUPP', 'ENOTDIR']);

/** Empty when it is gone or no link. */
export async function linkTarget(link: string): Promise<string> {
  try {
    return await readlink(link);
  } catch (error) {
    if (isNoAttribute(error)) return '';
    throw error;
  }
}

/** In order; none when there is no such folder. */
export async function names(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).toSorted();
  } catch (error) {
    if (isNoAttribute(error)) return [];
    throw error;
  }
}

/** Empty when there is no such file. */
export async function text(file: string): Promise<string> {
  return (await bytes(file)).toString('utf8').replaceAll('\0', ' ').trim();
}

/** As they are, none when there is no such file. */
export async function bytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    if (isNoAttribute(error)) return Buffer.alloc(0);
    throw error;
  }
}

/** Whether an error says that there is no such thing, rather than that it cannot be told. */
export function isNoAttribute(error: unknown): boolean {
  return NO_ATTRIBUTE.has((error as NodeJS.ErrnoException).code ?? '');
}

/** What could not be read is `unknown`, what is undefined is `absent`. */
export async function answer<T>(read: () => Promise<T | undefined>): Promise<Answer<T>> {
  try {
    const value = await read();
    return value === undefined ? ABSENT : present(value);
  } catch (error) {
    return unknown(messageOf(error));
  }
}

/** @throws DriverError `unknown` for whatever goes wrong */
export async function orUnknown<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new DriverError('unknown', `Cannot ${what}: ${messageOf(error)}`, { cause: error });
  }
}
