import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { decode, encode, type Reply, type Wish } from './messages.ts';

const POLL_MS = 20;

/** What a function or the guest itself threw; `code` is the status of a gRPC error. */
class GuestError extends Error {
  readonly code: unknown;

  constructor(message: string, code?: unknown) {
    super(message);
    this.code = code;
  }
}

type Waiting = PromiseWithResolvers<unknown> & { readonly onOutput?: (text: string) => void };

/** The host's end of the line to the agent in the guest. */
export class Agent {
  readonly #socket: Socket;
  readonly #onOutput: (text: string) => void;
  readonly #waiting = new Map<number, Waiting>();
  #ids = 0;

  private constructor(socket: Socket, onOutput: (text: string) => void) {
    this.#socket = socket;
    this.#onOutput = onOutput;
    void this.#listen();
  }

  /** @param gaveUp no connection is tried any more */
  static async connect(path: string, onOutput: (text: string) => void, gaveUp: AbortSignal): Promise<Agent> {
    for (;;) {
      gaveUp.throwIfAborted();
      const socket = await connected(path);
      if (socket !== undefined) return new Agent(socket, onOutput);
      await sleep(POLL_MS);
    }
  }

  /** @throws {GuestError} what was thrown in the guest, or that the machine ended before it answered */
  ask(wish: Wish, onOutput?: (text: string) => void): Promise<unknown> {
    const id = ++this.#ids;
    const waiting = { ...Promise.withResolvers<unknown>(), ...(onOutput === undefined ? {} : { onOutput }) };
    this.#waiting.set(id, waiting);
    this.#socket.write(encode({ id, ...wish }));
    return waiting.promise;
  }

  async #listen(): Promise<void> {
    try {
      for await (const reply of decode<Reply>(this.#socket)) this.#take(reply);
    } catch {
      // A machine whose power is cut need not end its line: whoever waits hears of it.
    } finally {
      for (const { reject } of this.#waiting.values())
        reject(new GuestError('the machine ended before it answered'));
    }
  }

  #take(reply: Reply): void {
    if (reply.is === 'output') {
      this.#onOutput(reply.text);
      if (reply.id !== undefined) this.#waiting.get(reply.id)?.onOutput?.(reply.text);
      return;
    }
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.is === 'returned') waiting?.resolve(reply.value);
    else waiting?.reject(new GuestError(reply.message, reply.code));
  }
}

function connected(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(socket)).once('error', () => resolve(undefined));
  });
}
