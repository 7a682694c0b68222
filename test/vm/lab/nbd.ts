import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { WriteCache } from './write-cache.ts';

/**
 * Serves a disk to QEMU as a network block device on a Unix socket: the oldest handshake of the protocol, in which the
 * server only says what it has.
 * @see https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
 */

const HANDSHAKE_MAGIC = 0x00420281861253n;
const REQUEST_MAGIC = 0x25609513;
const REPLY_MAGIC = 0x67446698;
const HANDSHAKE_BYTES = 152;
const REQUEST_BYTES = 28;
const EIO = 5;

/** Flags are told; the disk flushes, forces writes to the medium, discards, writes zeros. */
const FEATURES = 0x01 | 0x04 | 0x08 | 0x20 | 0x40;
const FORCED = 0x01;

const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6 } as const;

type Request = {
  readonly forced: boolean;
  readonly command: number;
  /** Eight bytes of the client's, to be sent back. */
  readonly handle: Buffer;
  readonly at: number;
  readonly length: number;
};

export class DiskServer {
  readonly #server: Server;
  readonly #cache: WriteCache;
  #serving: Promise<void> = Promise.resolve();

  private constructor(server: Server, cache: WriteCache) {
    this.#server = server;
    this.#cache = cache;
  }

  static async listen(path: string, cache: WriteCache, sizeBytes: bigint): Promise<DiskServer> {
    const server = createServer();
    const serving = new DiskServer(server, cache);
    server.on('connection', (socket) => {
      serving.#serving = serve(socket, cache, sizeBytes);
    });
    server.listen(path);
    await once(server, 'listening');
    return serving;
  }

  /** When the client has gone, what it sent last is done. */
  async end(): Promise<WriteCache> {
    this.#server.close();
    await this.#serving;
    return this.#cache;
  }
}

async function serve(socket: Socket, cache: WriteCache, sizeBytes: bigint): Promise<void> {
  // A machine that ends at once leaves half a request and nobody to answer.
  socket.on('error', () => undefined);
  socket.write(handshake(sizeBytes));
  const take = taker(socket);
  for (;;) {
    const header = await take(REQUEST_BYTES);
    if (header === undefined) return;
    const request = parse(header);
    if (request.command === COMMAND.disconnect) return;
    const data = request.command === COMMAND.write ? await take(request.length) : undefined;
    socket.write(await answer(cache, request, data));
  }
}

function handshake(sizeBytes: bigint): Buffer {
  const bytes = Buffer.alloc(HANDSHAKE_BYTES);
  bytes.write('NBDMAGIC', 0, 'latin1');
  bytes.writeBigUInt64BE(HANDSHAKE_MAGIC, 8);
  bytes.writeBigUInt64BE(sizeBytes, 16);
  bytes.writeUInt32BE(FEATURES, 24);
  return bytes;
}

/** Takes so many bytes off a stream; undefined when it ends before. */
function taker(socket: Socket): (length: number) => Promise<Buffer | undefined> {
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  return async (length) => {
    const parts = [rest];
    for (let held = rest.length; held < length; ) {
      const { done, value } = await chunks.next().catch(() => ({ done: true, value: undefined }) as const);
      if (done === true || value === undefined) return undefined;
      parts.push(value);
      held += value.length;
    }
    const all = parts.length === 1 ? rest : Buffer.concat(parts);
    rest = all.subarray(length);
    return all.subarray(0, length);
  };
}

function parse(header: Buffer): Request {
  if (header.readUInt32BE(0) !== REQUEST_MAGIC)
    throw new Error('found no NBD request where one should begin');
  return {
    forced: (header.readUInt16BE(4) & FORCED) !== 0,
    command: header.readUInt16BE(6),
    handle: header.subarray(8, 16),
    at: Number(header.readBigUInt64BE(16)),
    length: header.readUInt32BE(24),
  };
}

async function answer(cache: WriteCache, request: Request, data: Buffer | undefined): Promise<Buffer> {
  try {
    return reply(request, 0, await perform(cache, request, data));
  } catch {
    return reply(request, EIO);
  }
}

function reply({ handle }: Request, error: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(REPLY_MAGIC, 0);
  head.writeUInt32BE(error, 4);
  return Buffer.concat([head, handle, data]);
}

async function perform(
  cache: WriteCache,
  request: Request,
  data: Buffer | undefined,
): Promise<Buffer | undefined> {
  const { command, at, length, forced } = request;
  switch (command) {
    case COMMAND.read:
      return cache.read(at, length);
    case COMMAND.write:
      if (data === undefined) throw new Error('the data of a write is missing');
      await cache.write(at, data);
      break;
    case COMMAND.trim:
    case COMMAND.writeZeroes:
      await cache.zero(at, length);
      break;
    case COMMAND.flush:
      break;
    default:
      throw new Error(`no such command: ${command}`);
  }
  if (forced || command === COMMAND.flush) await cache.flush();
  return undefined;
}
