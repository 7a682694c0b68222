import { type FileHandle, open } from 'node:fs/promises';
import { run } from './tool.ts';

const SECTOR_BYTES = 512;
/** A disk writes back by itself when its cache is full. */
const CACHE_BYTES_MAX = 64 * 1024 ** 2;
/** Below this it costs less to write zeros than to have another program punch a hole. */
const HOLE_BYTES_MIN = 1024 ** 2;

/** A write that was answered and is not on the medium yet; without bytes it is one of zeros. */
type Pending = { readonly at: number; readonly length: number; readonly bytes: Buffer | undefined };

/**
 * A disk with a volatile write cache, over a sparse file as its medium. What was not flushed when the power fails may
 * have reached the medium or not, each write and each of its sectors for itself, in no order.
 */
export class WriteCache {
  readonly #path: string;
  readonly #file: FileHandle;
  #pending: readonly Pending[] = [];

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  static async open(path: string): Promise<WriteCache> {
    return new WriteCache(path, await open(path, 'r+'));
  }

  async read(at: number, length: number): Promise<Buffer> {
    const { buffer } = await this.#file.read(Buffer.alloc(length), 0, length, at);
    for (const write of this.#pending) {
      const start = Math.max(at, write.at);
      const end = Math.min(at + length, write.at + write.length);
      if (start >= end) continue;
      if (write.bytes === undefined) buffer.fill(0, start - at, end - at);
      else write.bytes.copy(buffer, start - at, start - write.at, end - write.at);
    }
    return buffer;
  }

  async write(at: number, bytes: Buffer): Promise<void> {
    await this.#add({ at, length: bytes.length, bytes });
  }

  /** Of a discard as well: what is there afterwards is the disk's affair, and this one's are zeros. */
  async zero(at: number, length: number): Promise<void> {
    await this.#add({ at, length, bytes: undefined });
  }

  async #add(write: Pending): Promise<void> {
    this.#pending = [...this.#pending, write];
    const held = this.#pending.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
    if (held > CACHE_BYTES_MAX) await this.flush();
  }

  async flush(): Promise<void> {
    for (const write of this.#pending) await this.#persist(write);
    this.#pending = [];
  }

  async #persist({ at, length, bytes }: Pending): Promise<void> {
    if (bytes !== undefined) await this.#file.write(bytes, 0, length, at);
    else if (length < HOLE_BYTES_MIN) await this.#file.write(Buffer.alloc(length), 0, length, at);
    else await run('fallocate', ['--punch-hole', `--offset=${at}`, `--length=${length}`, this.#path]);
  }

  /** The power fails. @returns how many writes were pending */
  async lose(random: () => number): Promise<number> {
    const lost = this.#pending;
    this.#pending = lost.flatMap((write) => whatArrived(write, random));
    await this.close();
    return lost.length;
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#file.close();
  }
}

/** All of a write, nothing, or some of its sectors. */
function whatArrived(write: Pending, random: () => number): readonly Pending[] {
  const fate = random();
  if (fate < 0.4) return [];
  if (fate < 0.8 || write.bytes === undefined) return [write];
  const { at, bytes } = write;
  const offsets = Array.from({ length: bytes.length / SECTOR_BYTES }, (_, n) => n * SECTOR_BYTES);
  const arrived = offsets.filter(() => random() < 0.5);
  return arrived.map((offset) => {
    return {
      at: at + offset,
      length: SECTOR_BYTES,
      bytes: bytes.subarray(offset, offset + SECTOR_BYTES),
    };
  });
}
