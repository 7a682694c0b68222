import { Server, ServerCredentials, setLogger } from '@grpc/grpc-js';
import { DriverError } from '../model/errors.ts';
import type { Volumes } from '../volumes/api.ts';
import { adapter, type CallListener } from './adapter.ts';
import { controllerService } from './controller.ts';
import { identityService } from './identity.ts';
import type { Log } from './log.ts';
import { nodeService } from './node.ts';
import { loadCsi } from './proto.ts';
import { clearStaleSocket, socketPath } from './socket.ts';
import type { OwnTopology } from './topology.ts';

export type ServeOptions = {
  /** `unix:///absolute/path`. */
  readonly endpoint: string;
  readonly volumes: Volumes;
  readonly log: Log;
  readonly onCall: CallListener;
  readonly driverName: string;
  readonly version: string;
  readonly nodeId: string;
  readonly topology: OwnTopology;
  readonly maxVolumesPerNode: () => number;
};

/** Calls in flight have this long to end once the driver is told to. */
const DRAIN_TIMEOUT_MS = 5_000;

/** A gRPC server at work. */
export type Serving = { stop(): Promise<void> };

/** Identity, Controller and Node. @throws DriverError `invalid-argument`, `in-use`, `host-failed` */
export function serve(options: ServeOptions): Promise<Serving> {
  const ready = () => options.volumes.ready();
  const adapt = adapter(options.log, ready, options.onCall);
  const csi = loadCsi();
  return listen(options.endpoint, options.log, (server) => {
    server.addService(csi.Identity.service, identityService(adapt, { ...options, ready }));
    server.addService(csi.Controller.service, controllerService(adapt, options));
    server.addService(csi.Node.service, nodeService(adapt, options));
  });
}

/**
 * Services on one Unix socket that only its owner may use. Connections are never closed for being idle or old:
 * external-provisioner exits when its own is.
 * @throws DriverError `invalid-argument`, `in-use`, `host-failed`
 */
export async function listen(
  endpoint: string,
  log: Log,
  addServices: (server: Server) => void,
): Promise<Serving> {
  const path = socketPath(endpoint);
  await clearStaleSocket(path);
  setLogger({
    error: (...words: unknown[]) => log.warn({ grpc: words.join(' ') }, 'gRPC complains'),
  });
  const server = new Server({ 'grpc.enable_channelz': 0 });
  addServices(server);
  await bind(server, path);
  return { stop: () => drain(server) };
}

/** The umask is the only way to a socket that was never open to others, not even for a moment. */
async function bind(server: Server, path: string): Promise<void> {
  const umask = process.umask(0o077);
  try {
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix://${path}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  } catch (cause) {
    throw new DriverError('host-failed', `endpoint: cannot listen at ${path}: does its folder exist?`, {
      cause,
    });
  } finally {
    process.umask(umask);
  }
}

/**
 * A call or a client that never ends would hold tryShutdown for ever, and keeps its connection even past
 * forceShutdown: the process is to exit, not to wait for its last handle. The socket file goes with the listener.
 */
function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, DRAIN_TIMEOUT_MS);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
}
