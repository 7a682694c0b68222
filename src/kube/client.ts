import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { ABSENT, type Answer, present, unknown } from '../model/answer.ts';
import { messageOf } from '../model/errors.ts';
import { type ClusterAccess, readCredentials } from './access.ts';

/** What is common to all objects of the API, and all that is ever read of one here. */
export type ApiObject = {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
};

export type ApiRequest =
  | { readonly method: 'GET'; readonly path: string }
  | { readonly method: 'POST'; readonly path: string; readonly body: object }
  /** `body` is merged into what is there (RFC 7396). */
  | { readonly method: 'PATCH'; readonly path: string; readonly body: object };

/**
 * The API server as a pod may ask it. Never rejects: an object is present, absent (the server itself says NotFound),
 * or unknown with what was asked and what came of it. Ends within its time limit, whatever the server does.
 */
export type Api = (asked: ApiRequest) => Promise<Answer<ApiObject>>;

/** One page of a list, of whole objects; `next` is where it goes on, empty at the end. Never rejects either. */
export type ListPage = (path: string) => Promise<Answer<Page>>;
type Page = { readonly items: readonly unknown[]; readonly next: string };

const ASK_TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 1024 ** 2;

/** Metadata alone: a Node with its images has a hundred times more to say. */
const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';

/**
 * A client by node:https, as the usual one costs more memory than all else in this process.
 * @param stop ends whatever is being asked
 */
export function createApi(access: ClusterAccess, stop: AbortSignal, timeoutMs: number = ASK_TIMEOUT_MS): Api {
  const ask = asker(access, stop, timeoutMs);
  return (asked) => ask(asked, METADATA, ({ status, text }) => answerOf(asked, status, text));
}

/** The same for lists. */
export function createListPage(
  access: ClusterAccess,
  stop: AbortSignal,
  timeoutMs: number = ASK_TIMEOUT_MS,
): ListPage {
  const ask = asker(access, stop, timeoutMs);
  return (path) => {
    const asked = { method: 'GET', path } as const;
    return ask(asked, 'application/json', ({ status, text }) => pageOf(asked, status, text));
  };
}

type Ask = <T>(
  asked: ApiRequest,
  accept: string,
  read: (answer: HttpAnswer) => Answer<T>,
) => Promise<Answer<T>>;

function asker(access: ClusterAccess, stop: AbortSignal, timeoutMs: number): Ask {
  const agent = new Agent({ keepAlive: true });
  return async (asked, accept, read) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([timeout, stop]);
    try {
      return read(await askTwice({ access, agent, asked, accept, signal }));
    } catch (error) {
      const why = timeout.aborted ? `no answer within ${timeoutMs} ms` : messageOf(error);
      return unknown(`${inWords(asked)} at ${access.host}:${access.port}: ${why}`);
    }
  };
}

/** All that one request needs. */
type Sending = {
  readonly access: ClusterAccess;
  readonly agent: Agent;
  readonly asked: ApiRequest;
  readonly accept: string;
  readonly signal: AbortSignal;
};

type HttpAnswer = { readonly status: number; readonly text: string };

/** The server may close an idle connection just when it is used again. No request here does harm by coming twice. */
async function askTwice(sending: Sending): Promise<HttpAnswer> {
  try {
    return await askOnce(sending);
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error;
    return askOnce(sending);
  }
}

class StaleConnection extends Error {}

async function askOnce({ access, agent, asked, accept, signal }: Sending): Promise<HttpAnswer> {
  const { host, port, folder } = access;
  const { token, ca } = await readCredentials(folder);
  const body = asked.method === 'GET' ? '' : JSON.stringify(asked.body);
  const headers = {
    Authorization: `Bearer ${token}`,
    Accept: accept,
    'User-Agent': 'instance-store-csi',
    'Content-Type': asked.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
    'Content-Length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const { method, path } = asked;
    const outgoing = request({ host, port, ca, agent, method, path, headers, signal }, (incoming) => {
      collect(incoming).then((text) => resolve({ status: incoming.statusCode ?? 0, text }), reject);
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      reject(outgoing.reusedSocket && error.code === 'ECONNRESET' ? new StaleConnection() : error);
    });
    outgoing.end(body);
  });
}

async function collect(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer has more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Pure: what an answer of the API server says. A refusal is a Status, whose message names who may not do what. */
export function answerOf(asked: ApiRequest, status: number, text: string): Answer<ApiObject> {
  const body = parse(text);
  if (status === 404 && body?.reason === 'NotFound') return ABSENT;
  if (isRefusal(status)) return refused(asked, status, text, body);
  const { name, uid, labels } = (body?.metadata ?? {}) as Partial<ApiObject>;
  if (typeof name === 'string' && typeof uid === 'string')
    return present({ name, uid, labels: labels ?? {} });
  return unknown(`${inWords(asked)}: ${status}, but the answer is no object: ${text.slice(0, 100)}`);
}

function pageOf(asked: ApiRequest, status: number, text: string): Answer<Page> {
  const body = parse(text);
  if (isRefusal(status)) return refused(asked, status, text, body);
  const { continue: next = '' } = (body?.metadata ?? {}) as { readonly continue?: unknown };
  if (Array.isArray(body?.items) && typeof next === 'string') return present({ items: body.items, next });
  return unknown(`${inWords(asked)}: the answer is no list`);
}

function isRefusal(status: number): boolean {
  return status < 200 || status > 299;
}

function refused(
  asked: ApiRequest,
  status: number,
  text: string,
  body: Readonly<Record<string, unknown>> | undefined,
): Answer<never> {
  const message = typeof body?.message === 'string' ? body.message : text;
  return unknown(`${inWords(asked)}: ${status}: ${message.slice(0, 500)}`);
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

function inWords({ method, path }: ApiRequest): string {
  return `${method} ${path}`;
}
