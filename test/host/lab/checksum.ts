import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

const BLOCK_BYTES = 64 * 1024;
const READ_BYTES = 16 * BLOCK_BYTES;
const ZERO = Buffer.alloc(BLOCK_BYTES);

/**
 * A SHA-256 that changes when any byte of an image or block device does, or its size: of the offset and the
 * content of each 64 KiB that is not zero, then of the length. Holes cost a read and no hashing. An image and
 * the device on it have the same one; while attached, take it of the device, which sees what is not yet flushed.
 */
export async function checksum(path: string): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(READ_BYTES);
    let at = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, at);
      if (bytesRead === 0) return hash.update(`end ${at}`).digest('hex');
      for (const [offset, block] of blocksWithBytes(buffer.subarray(0, bytesRead))) {
        hash.update(`${at + offset} ${block.length}\n`).update(block);
      }
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

function* blocksWithBytes(bytes: Buffer): Generator<readonly [offset: number, block: Buffer]> {
  for (let offset = 0; offset < bytes.length; offset += BLOCK_BYTES) {
    const block = bytes.subarray(offset, offset + BLOCK_BYTES);
    if (!block.equals(ZERO.subarray(0, block.length))) yield [offset, block];
  }
}
