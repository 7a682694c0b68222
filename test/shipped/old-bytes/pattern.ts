import { open } from 'node:fs/promises';

/** What the previous tenant wrote, all over and in every sector, so that the smallest remainder is recognised. */
const PATTERN = Buffer.from('OLD TENANT BYTES');
const CHUNK_BYTES = 1024 ** 2;
const CHUNK = Buffer.alloc(CHUNK_BYTES, PATTERN);

/** Writes the pattern from the first byte of a file or device to its last. */
export async function fillWithPattern(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    for (let at = 0; ; ) {
      const lengthBytes = size === 0 ? CHUNK_BYTES : Math.min(CHUNK_BYTES, size - at);
      const written = lengthBytes === 0 ? 0 : await writeAt(file, lengthBytes, at);
      at += written;
      if (written < CHUNK_BYTES) break;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

type File = Awaited<ReturnType<typeof open>>;

/** The end of a device is where nothing more can be written: its size is not in its stat. */
async function writeAt(file: File, lengthBytes: number, at: number): Promise<number> {
  try {
    return (await file.write(CHUNK, 0, lengthBytes, at)).bytesWritten;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return 0;
    throw error;
  }
}

export type Content = {
  readonly bytes: number;
  /** Offset of the first remainder of the pattern. */
  readonly patternAt: number | undefined;
  readonly allZero: boolean;
};

/** Reads a file or device from `from` to its end, as anybody may who can open it. */
export async function contentOf(path: string, from = 0): Promise<Content> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let patternAt: number | undefined;
    let allZero = true;
    for (let at = from; ; ) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, at);
      if (bytesRead === 0) return { bytes: at - from, patternAt, allZero };
      const chunk = buffer.subarray(0, bytesRead);
      const found = chunk.indexOf(PATTERN);
      if (found >= 0) patternAt ??= at + found;
      allZero &&= chunk.indexOf(ZEROS.subarray(0, bytesRead)) === 0;
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

const ZEROS = Buffer.alloc(CHUNK_BYTES);
