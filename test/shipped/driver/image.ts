import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { run } from '../../host/lab/tool.ts';
import { checksum } from '../../host/lab.ts';

const BLOCK_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

/**
 * A checksum of a sparse image that reads no holes: of the place and content of every 64 KiB with a byte in it, and
 * of the size. Detach the image first, so that it has everything. Filesystems that tell no extents cost a full read.
 */
export async function imageChecksum(path: string): Promise<string> {
  const extents = await extentsOf(path);
  if (extents === undefined) return checksum(path);
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(BLOCK_BYTES);
    for (const block of blocksOf(extents)) {
      const { bytesRead } = await file.read(buffer, 0, BLOCK_BYTES, block * BLOCK_BYTES);
      const bytes = buffer.subarray(0, bytesRead);
      if (!bytes.equals(ZEROS.subarray(0, bytesRead))) hash.update(`${block}\n`).update(bytes);
    }
  } finally {
    await file.close();
  }
  return hash.update(`end ${(await stat(path)).size}`).digest('hex');
}

type Extent = { readonly start: number; readonly end: number };

/** What filefrag(8) says after flushing the file; undefined when the filesystem does not tell. */
async function extentsOf(path: string): Promise<readonly Extent[] | undefined> {
  const text = await run('filefrag', ['-s', '-v', path]).catch(() => '');
  const blockBytes = Number(/blocks? of (\d+) bytes/.exec(text)?.[1]);
  if (!/extents? found/.test(text) || Number.isNaN(blockBytes)) return undefined;
  return [...text.matchAll(/^ *\d+: +(\d+)\.\. +(\d+):/gm)].map(([, first, last]) => ({
    start: Number(first) * blockBytes,
    end: (Number(last) + 1) * blockBytes,
  }));
}

/** The numbers of the 64 KiB blocks that the extents touch, ascending. */
function blocksOf(extents: readonly Extent[]): readonly number[] {
  const blocks = new Set<number>();
  for (const { start, end } of extents) {
    for (let at = Math.floor(start / BLOCK_BYTES); at * BLOCK_BYTES < end; at += 1) blocks.add(at);
  }
  return [...blocks].sort((a, b) => a - b);
}
