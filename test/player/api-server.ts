import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { selfSigned } from './certificate.ts';

/**
 * Plays the API server: real HTTPS, with objects in memory. A fake, because a real one takes a minute and a GiB, and
 * none can be told to be silent; the tests in a cluster have the real one.
 */

export type Asked = { readonly method: string; readonly path: string; readonly token: string };

type Stored = { readonly metadata: { readonly name: string } } & Readonly<Record<string, unknown>>;

export class ApiServer {
  /** What a pod finds below /var/run/secrets/kubernetes.io/serviceaccount. */
  readonly folder: string;
  /** Every request that came, in order. */
  readonly asked: Asked[] = [];
  /** How requests are met: answered, left without an answer, or answered with these. */
  mood: 'answers' | 'silent' | { readonly status: number; readonly body: string } = 'answers';
  /** Cuts the connection of the next request, as a server does that ends idle ones just then. */
  dropNext = false;
  token = 'first';
  port = 0;
  readonly #identity = selfSigned();
  readonly #objects = new Map<string, Stored>();
  #server: Server | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async start(folder: string): Promise<ApiServer> {
    const api = new ApiServer(folder);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'ca.crt'), api.#identity.cert);
    await api.rotateToken('first');
    await api.open();
    return api;
  }

  /** At the same port as before. */
  async open(): Promise<void> {
    const server = createServer(this.#identity, (request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Every connection is cut, and nobody listens. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** As the kubelet does before a token ends; the old one is no good any more. */
  async rotateToken(token: string): Promise<void> {
    this.token = token;
    await writeFile(join(this.folder, 'token'), `${token}\n`);
  }

  put(path: string, metadata: Readonly<Record<string, unknown>>, rest: object = {}): void {
    this.#objects.set(path, { ...rest, metadata: { name: path.split('/').at(-1) ?? '', ...metadata } });
  }

  /** As it does an hour after they were written. */
  forgetEvents(): void {
    for (const path of this.#objects.keys()) if (path.includes('/events/')) this.#objects.delete(path);
  }

  /** In the order of their making. */
  events(): readonly Readonly<Record<string, unknown>>[] {
    return [...this.#objects].filter(([path]) => path.includes('/events/')).map(([, object]) => object);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '' } = request;
    const token = (request.headers.authorization ?? '').replace('Bearer ', '');
    const body = await text(request);
    if (this.dropNext) {
      this.dropNext = false;
      return void request.socket.destroy();
    }
    this.asked.push({ method, path, token });
    if (this.mood === 'silent') return;
    if (this.mood !== 'answers') return void response.writeHead(this.mood.status).end(this.mood.body);
    const { status, object } = token === this.token ? this.#serve(method, path, body) : unauthorized();
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(object));
  }

  #serve(method: string, path: string, body: string): { readonly status: number; readonly object: object } {
    const sent = JSON.parse(body || '{}') as Stored;
    if (method === 'POST') {
      const { name } = sent.metadata;
      const object = { ...sent, metadata: { ...sent.metadata, uid: `uid-of-${name}` } };
      this.#objects.set(`${path}/${name}`, object);
      return { status: 201, object };
    }
    const [collection = '', query] = path.split('?');
    if (query !== undefined)
      return { status: 200, object: this.#list(collection, new URLSearchParams(query)) };
    const found = this.#objects.get(path);
    if (found === undefined) return { status: 404, object: status('NotFound', `${path} not found`) };
    const object = { ...found, ...sent };
    this.#objects.set(path, object);
    return { status: 200, object };
  }

  /** A page of the objects of a collection; `continue` is how many went before. */
  #list(collection: string, query: URLSearchParams): object {
    const all = [...this.#objects].filter(([path]) => path.startsWith(`${collection}/`));
    const from = Number(query.get('continue'));
    const to = from + Number(query.get('limit'));
    const items = all.slice(from, to).map(([, object]) => object);
    return { metadata: to < all.length ? { continue: String(to) } : {}, items };
  }
}

function unauthorized() {
  return { status: 401, object: status('Unauthorized', 'Unauthorized') };
}

function status(reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message };
}
