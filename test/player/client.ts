import { join } from 'node:path';
import {
  type CallOptions,
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  type requestCallback,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ControllerClient } from '../../src/csi/gen/csi/v1/Controller.ts';
import type { IdentityClient } from '../../src/csi/gen/csi/v1/Identity.ts';
import type { NodeClient } from '../../src/csi/gen/csi/v1/Node.ts';
import type { ProtoGrpcType } from '../../src/csi/gen/csi.ts';

/** A CSI client as kubelet and the provisioner are: real gRPC over the driver's own socket. */
export type CsiClient = {
  readonly identity: IdentityClient;
  readonly controller: ControllerClient;
  readonly node: NodeClient;
  close(): void;
};

export function connect(endpoint: string): CsiClient {
  const path = join(import.meta.dirname, '../../proto/csi.proto');
  const definition = loadSync(path, {
    keepCase: true,
    longs: String,
    enums: String,
    oneofs: true,
    defaults: true,
  });
  const { csi } = loadPackageDefinition(definition) as unknown as ProtoGrpcType;
  const insecure = credentials.createInsecure();
  // Reconnect quickly: tests kill and restart the driver on the same socket.
  const options = {
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 200,
    'grpc.use_local_subchannel_pool': 1,
  };
  const identity = new csi.v1.Identity(endpoint, insecure, options);
  const controller = new csi.v1.Controller(endpoint, insecure, options);
  const node = new csi.v1.Node(endpoint, insecure, options);
  return {
    identity,
    controller,
    node,
    close() {
      for (const client of [identity, controller, node]) client.close();
    },
  };
}

/** The overload that type inference sees of a generated method, and the one that is called. */
type Unary<Q, S> = (request: Q, callback: requestCallback<S>) => ClientUnaryCall;
type UnaryWithOptions<Q, S> = (
  request: Q,
  options: CallOptions,
  callback: requestCallback<S>,
) => ClientUnaryCall;

/** One unary call as a promise; rejects with grpc-js' ServiceError. */
export function call<Q, S>(client: object, method: Unary<Q, S>, request: Q, timeoutMs = 120_000): Promise<S> {
  return new Promise((resolve, reject) => {
    (method as unknown as UnaryWithOptions<Q, S>).call(
      client,
      request,
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        if (error !== null || response === undefined) reject(error ?? new Error('no response'));
        else resolve(response);
      },
    );
  });
}
