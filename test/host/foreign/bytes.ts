import { createCipheriv } from 'node:crypto';
import { open, writeFile } from 'node:fs/promises';

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** Big enough for every filesystem here (mkfs.xfs refuses less) and for the ranges that law 1 reads. */
export const DISK_BYTES = 300 * MIB;

/** Makes a sparse file of zeros; an existing file is an error. */
export async function sparse(image: string, sizeBytes = DISK_BYTES): Promise<void> {
  await writeFile(image, '', { flag: 'wx' });
  const file = await open(image, 'r+');
  try {
    await file.truncate(sizeBytes);
  } finally {
    await file.close();
  }
}

export type Patch = {
  /** A byte offset; a negative one counts from the end of the disk. */
  readonly at: number;
  readonly bytes: Uint8Array;
};

/** Overwrites pieces of an image. */
export async function patch(image: string, patches: Iterable<Patch>): Promise<void> {
  const file = await open(image, 'r+');
  try {
    const { size } = await file.stat();
    for (const { at, bytes } of patches) await file.write(bytes, 0, bytes.length, at < 0 ? size + at : at);
  } finally {
    await file.close();
  }
}

/** A new disk of zeros with only these pieces written. */
export async function disk(image: string, patches: Iterable<Patch>): Promise<void> {
  await sparse(image);
  await patch(image, patches);
}

export const zeros = (at: number, lengthBytes: number): Patch => ({ at, bytes: new Uint8Array(lengthBytes) });

export const text = (at: number, value: string): Patch => ({ at, bytes: Buffer.from(value, 'utf8') });

export const hex = (at: number, value: string): Patch => ({ at, bytes: Buffer.from(value, 'hex') });

/** Bytes without structure, the same in every run (a test that fails must fail again), in pieces of 1 MiB at most. */
export function* noise(at: number, lengthBytes: number): Generator<Patch> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  for (let done = 0; done < lengthBytes; done += MIB) {
    yield { at: at + done, bytes: cipher.update(Buffer.alloc(Math.min(MIB, lengthBytes - done))) };
  }
}

type Field =
  | readonly [at: number, kind: 'le16' | 'le32' | 'be16' | 'be32', value: number]
  | readonly [at: number, kind: 'le64' | 'be64', value: number | bigint]
  | readonly [at: number, kind: 'ascii' | 'hex', value: string];

/** A structure of `sizeBytes`, zero but for the fields. */
export function struct(sizeBytes: number, fields: readonly Field[]): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (const field of fields) writeField(bytes, field);
  return bytes;
}

function writeField(bytes: Buffer, [at, kind, value]: Field): void {
  switch (kind) {
    case 'le16':
      bytes.writeUInt16LE(value, at);
      return;
    case 'le32':
      bytes.writeUInt32LE(value, at);
      return;
    case 'le64':
      bytes.writeBigUInt64LE(BigInt(value), at);
      return;
    case 'be16':
      bytes.writeUInt16BE(value, at);
      return;
    case 'be32':
      bytes.writeUInt32BE(value, at);
      return;
    case 'be64':
      bytes.writeBigUInt64BE(BigInt(value), at);
      return;
    case 'ascii':
    case 'hex':
      bytes.write(value, at, kind);
  }
}
