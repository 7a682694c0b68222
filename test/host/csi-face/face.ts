import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import pino from 'pino';
import type { Call } from '../../../src/csi/adapter.ts';
import { loadCsi } from '../../../src/csi/proto.ts';
import { type ServeOptions, serve } from '../../../src/csi/server.ts';
import type { Volumes } from '../../../src/volumes/api.ts';
import { volumesInMemory } from './volumes.ts';

export const TOPOLOGY = { 'kubernetes.io/hostname': 'node-a' };

type LogLine = Readonly<Record<string, unknown>>;

const csi = loadCsi();
export const Identity = csi.Identity.service;
export const Controller = csi.Controller.service;
export const Node = csi.Node.service;

/** The real server on a socket of its own, real clients, and everything that was logged. */
export type Face = Awaited<ReturnType<typeof open>>;

async function open(folder: string, volumes: Volumes, more: Partial<ServeOptions>) {
  const path = join(folder, 'csi.sock');
  const chunks: string[] = [];
  const told: Call[] = [];
  const log = pino({ level: 'debug' }, { write: (chunk: string) => void chunks.push(chunk) });
  const server = await serve({
    endpoint: `unix://${path}`,
    volumes,
    log,
    onCall: (call) => void told.push(call),
    driverName: 'instance-store.csi.dev',
    version: '0.1.0',
    nodeId: 'node-a',
    topology: () => TOPOLOGY,
    maxVolumesPerNode: () => volumes.maxVolumes(),
    ...more,
  });
  const client = new Client(`unix://${path}`, credentials.createInsecure());
  return {
    ask: <Request, Response>(method: Method<Request, Response>, request: NoInfer<Request>, how: How = {}) =>
      ask(client, method, request, how),
    refused: <Request, Response>(
      method: Method<Request, Response>,
      request: NoInfer<Request>,
      how: How = {},
    ) => refused(ask(client, method, request, how)),
    path,
    stop: () => server.stop(),
    disconnect: () => client.close(),
    /** What the listener of calls was told. */
    told: (): readonly Call[] => told,
    logged: (): string => chunks.join(''),
    /** The lines told about answers. */
    calls: (): LogLine[] =>
      chunks.map((chunk) => JSON.parse(chunk) as LogLine).filter(({ msg }) => msg !== 'call begins'),
  };
}

/** Opens a face, and shuts it whatever `use` does. */
export async function withFace(
  {
    instead = {},
    volumes = volumesInMemory(instead),
    ...more
  }: Partial<ServeOptions> & { instead?: Partial<Volumes> },
  use: (face: Face) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync('/tmp/csi-face-');
  try {
    const face = await open(folder, volumes, more);
    try {
      await use(face);
    } finally {
      face.disconnect();
      await face.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The part of a generated definition that a call needs. */
type Method<Request, Response> = {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
};
type How = { readonly deadline?: number; readonly signal?: AbortSignal };

/** @throws ServiceError */
function ask<Request, Response>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: Method<Request, Response>,
  request: Request,
  { deadline, signal }: How,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const options = deadline === undefined ? {} : { deadline };
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      options,
      (error, response) => (error === null && response !== undefined ? resolve(response) : reject(error)),
    );
    signal?.addEventListener('abort', () => call.cancel());
  });
}

/** What a call is refused with. */
async function refused(
  answer: Promise<unknown>,
): Promise<{ readonly code: string | undefined; readonly message: string; readonly details: unknown }> {
  try {
    return { code: 'OK', message: JSON.stringify(await answer), details: undefined };
  } catch (error) {
    const { code, details, metadata } = error as ServiceError;
    return { code: status[code], message: details, details: metadata.get('grpc-status-details-bin')[0] };
  }
}
