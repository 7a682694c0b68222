import { fileURLToPath } from 'node:url';
import { loadPackageDefinition, Server, ServerCredentials, setLogger } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { DriverError } from '../model/errors.ts';
import type { Volumes } from '../volumes/api.ts';
import { adapter, type CallListener } from './adapter.ts';
import { controllerService } from './controller.ts';
import type { ProtoGrpcType } from './gen/csi.ts';
import { identityService } from './identity.ts';
import type { Log } from './log.ts';
import { nodeService } from './node.ts';
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
  return listen(options.endpoint, options.log, (server, csi) => {
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
  addServices: (server: Server, csi: ReturnType<typeof loadCsi>) => void,
): Promise<Serving> {
  const path = socketPath(endpoint);
  await clearStaleSocket(path);
  setLogger({
    error: (...words: unknown[]) => log.warn({ grpc: words.join(' ') }, 'gRPC complains'),
  });
  const server = new Server({ 'grpc.enable_channelz': 0 });
  addServices(server, loadCsi());
  await bind(server, path);
  return { stop: () => drain(server) };
}

/** The messages of csi.proto, as the generated types describe them; from the source tree or beside the bundle. */
export function loadCsi(): ProtoGrpcType['csi']['v1'] {
  const isSource = import.meta.url.endsWith('.ts');
  const path = fileURLToPath(new URL(isSource ? '../../proto/csi.proto' : 'csi.proto', import.meta.url));
  const definition = loadSync(path, {
    keepCase: true,
    longs: String,
    enums: String,
    oneofs: true,
    defaults: true,
  });
  return (loadPackageDefinition(definition) as unknown as ProtoGrpcType).csi.v1;
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
