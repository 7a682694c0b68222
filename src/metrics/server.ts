import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DriverError } from '../model/errors.ts';

/** A port of 0 is any free one. */
export type ListenAddress = { readonly host: string; readonly port: number };

/** What can be scraped; a registry of prom-client is one. */
export type Scrapable = { readonly contentType: string; metrics(): Promise<string> };

export type MetricsServer = {
  /** Where it listens: the port is known when any free one was asked for. */
  readonly address: ListenAddress;
  stop(): Promise<void>;
};

/** A few scrapers with a connection each; more are somebody's mistake. */
const CONNECTIONS_MAX = 16;
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Serves `GET /metrics`, plain HTTP, and nothing else. What fails later is told to `onError`; a scrape is answered by
 * 500 then.
 * @throws DriverError `host-failed` when the address cannot be listened at
 */
export async function serveMetrics(
  { host, port }: ListenAddress,
  source: Scrapable,
  onError: (error: unknown) => void,
): Promise<MetricsServer> {
  const server = createServer(
    { headersTimeout: REQUEST_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => void answer(source, request, response, onError),
  );
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, { host, port });
  server.on('error', onError);
  return {
    address: { host, port: (server.address() as AddressInfo).port },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      const message = `metrics: cannot listen at ${host} port ${port}: ${cause.message}`;
      reject(new DriverError('host-failed', message, { cause }));
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

async function answer(
  source: Scrapable,
  { method, url }: IncomingMessage,
  response: ServerResponse,
  onError: (error: unknown) => void,
): Promise<void> {
  if (url?.split('?')[0] !== '/metrics') return refuse(response, 404, 'not found: metrics are at /metrics');
  if (method !== 'GET') return refuse(response, 405, 'only GET is served');
  try {
    const text = await source.metrics();
    response.writeHead(200, { 'content-type': source.contentType }).end(text);
  } catch (error) {
    onError(error);
    refuse(response, 500, 'the metrics could not be collected; the log of the process has the details');
  }
}

function refuse(response: ServerResponse, status: number, words: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${words}\n`);
}
