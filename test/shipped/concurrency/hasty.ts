import { setTimeout as sleep } from 'node:timers/promises';
import { type CallOptions, type ClientUnaryCall, type ServiceError, status } from '@grpc/grpc-js';
import type { CsiClient } from '../../player/client.ts';
import type { Random } from './random.ts';

/** Callers as they are under load: they cancel, run out of time, ask twice at once, and ask again until it is OK. */

/** What a caller in a hurry meets; everything else is a fault. */
const AGAIN: ReadonlySet<status | undefined> = new Set([
  status.ABORTED,
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
]);
const CANCEL_SHARE = 0.12;
const SHORT_DEADLINE_SHARE = 0.08;
const DOUBLE_SHARE = 0.15;
const HURRY_MS_MAX = 150;
/** Twice as long each time, as the provisioner waits: asking without end would eat what the busy call needs. */
const PAUSE_MS = 100;
const PAUSE_MS_MAX = 2_000;
const AGAIN_TIMEOUT_MS = 120_000;

export type Told = { readonly calls: number; readonly byCode: Readonly<Record<string, number>> };

export class Hasty {
  readonly #random: Random;
  readonly #byCode: Record<string, number> = {};
  #calls = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  told(): Told {
    return { calls: this.#calls, byCode: { ...this.#byCode } };
  }

  /** The same client, except that some of its calls are cancelled or get next to no time. */
  client(client: CsiClient): CsiClient {
    const { identity, controller, node, close } = client;
    return {
      identity,
      controller: this.#hurried(controller),
      node: this.#hurried(node),
      close: () => close.call(client),
    };
  }

  /** Calls until it is answered, now and then twice at once; both answers must agree. */
  async insist<T>(act: () => Promise<T>, same: (answer: T) => unknown = () => undefined): Promise<T> {
    if (!this.#random.chance(DOUBLE_SHARE)) return this.#untilAnswered(act);
    const [first, second] = await Promise.all([this.#untilAnswered(act), this.#untilAnswered(act)]);
    if (same(first) !== same(second)) throw new Error(`two answers: ${same(first)} and ${same(second)}`);
    return first;
  }

  async #untilAnswered<T>(act: () => Promise<T>): Promise<T> {
    const until = Date.now() + AGAIN_TIMEOUT_MS;
    for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      try {
        return await act();
      } catch (error) {
        if (!AGAIN.has((error as Partial<ServiceError>).code) || Date.now() > until) throw error;
        await sleep(this.#random.int(pauseMs / 2, pauseMs));
      }
    }
  }

  #hurried<C extends object>(client: C): C {
    return new Proxy(client, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function' || !/^[A-Z]/.test(String(name))) return method;
        return (
          request: unknown,
          options: CallOptions,
          callback: (error: ServiceError | null, answer: unknown) => void,
        ) => this.#call(method.bind(target), request, options, callback);
      },
    });
  }

  #call(
    method: (...args: unknown[]) => ClientUnaryCall,
    request: unknown,
    options: CallOptions,
    callback: (error: ServiceError | null, answer: unknown) => void,
  ): ClientUnaryCall {
    this.#calls += 1;
    const short = this.#random.chance(SHORT_DEADLINE_SHARE);
    const deadline = short ? Date.now() + this.#random.int(1, HURRY_MS_MAX) : options.deadline;
    const running = method(
      request,
      { ...options, deadline },
      (error: ServiceError | null, answer: unknown) => {
        const code = status[error?.code ?? status.OK] ?? 'none';
        this.#byCode[code] = (this.#byCode[code] ?? 0) + 1;
        callback(error, answer);
      },
    );
    if (this.#random.chance(CANCEL_SHARE))
      setTimeout(() => running.cancel(), this.#random.int(0, HURRY_MS_MAX));
    return running;
  }
}
