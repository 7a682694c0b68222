import { open, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../host/lab/tool.ts';
import { contentOf } from './pattern.ts';

/** What a tenant without any right over the device can get to read of a filesystem: files, and all space it can make files of. */

const STRIDE_BYTES = 16 * 1024;
/** Filesystems keep some room for themselves, and say so only when it is asked for. */
const SHARE = 0.9;

/** Where the old tenant's bytes are found, in words; nothing is what we want. Fills the filesystem. */
export async function remaindersSeenBy(mount: string): Promise<readonly string[]> {
  const half = Math.floor((await freeBytesOf(mount)) * (SHARE / 2));
  await run('fallocate', ['--length', String(half), join(mount, 'reserved')]);
  await writeSparsely(join(mount, 'sparse'), Math.floor(half / STRIDE_BYTES) * STRIDE_BYTES);
  const files = await filesBelow(mount);
  const contents = await Promise.all(files.map(async (file) => ({ file, content: await contentOf(file) })));
  const found = contents.filter(({ content }) => content.patternAt !== undefined);
  return found.map(({ file, content }) => `${file} at ${content.patternAt}`);
}

async function freeBytesOf(mount: string): Promise<number> {
  const { bavail, bsize } = await statfs(mount);
  return bavail * bsize;
}

/** A byte here and there: each makes the filesystem give out a whole block, the rest of which is to be zeros. */
async function writeSparsely(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for (let at = 0; at < sizeBytes; at += STRIDE_BYTES) await file.write('x', at + 100);
    await file.truncate(sizeBytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
