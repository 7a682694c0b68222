import type { RequestContext, ResponseContext } from '@kubernetes/client-node';
import {
  ApiException,
  CoordinationV1Api,
  CoreV1Api,
  createConfiguration,
  KubeConfig,
  type Configuration as Requests,
  ServerConfiguration,
  StorageV1Api,
  setHeaderOptions,
  type V1ObjectMeta,
} from '@kubernetes/client-node';
import { ABSENT, type Answer, present } from '../model/answer.ts';
import { DriverError, messageOf } from '../model/errors.ts';

/** The API server as this process uses it. Every request ends within this time, if need be by an error. */
export type Api = {
  readonly core: CoreV1Api;
  readonly storage: StorageV1Api;
  readonly coordination: CoordinationV1Api;
};

/** Who asks, in the API server's audit log. */
const USER_AGENT = 'instance-store-csi-controller';

const REQUEST_TIMEOUT_MS = 5_000;

/** A list out of the API server's cache: it costs little, and may be a moment old. */
export const FROM_CACHE = { resourceVersion: '0' } as const;

/** For lists of which only names and labels are read: a Node is 15 KiB, its metadata 2. */
export const METADATA_ONLY = setHeaderOptions(
  'Accept',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
);

/**
 * The cluster of a kubeconfig file, else the one that this pod runs in; its token is read again as it rotates.
 * @throws DriverError `invalid-argument`
 */
export function connectApi(kubeconfig: string | undefined, env: NodeJS.ProcessEnv): Api {
  const config = new KubeConfig();
  if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
  else if (env.KUBERNETES_SERVICE_HOST !== undefined) config.loadFromCluster();
  else throw new DriverError('invalid-argument', 'This is no pod of a cluster: name one with --kubeconfig');
  const requests = requestsTo(config);
  return {
    core: new CoreV1Api(requests),
    storage: new StorageV1Api(requests),
    coordination: new CoordinationV1Api(requests),
  };
}

/** KubeConfig makes a pool of connections for each request: the first one serves them all. */
function requestsTo(config: KubeConfig): Requests {
  const server = config.getCurrentCluster()?.server;
  if (server === undefined)
    throw new DriverError('invalid-argument', 'The kubeconfig has no current cluster');
  let connections: ReturnType<RequestContext['getDispatcher']>;
  return createConfiguration({
    baseServer: new ServerConfiguration(server, {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        pre: async (request: RequestContext) => {
          connections ??= request.getDispatcher();
          if (connections !== undefined) request.setDispatcher(connections);
          request.setHeaderParam('User-Agent', USER_AGENT);
          request.setSignal(AbortSignal.timeout(REQUEST_TIMEOUT_MS));
          return request;
        },
        post: async (response: ResponseContext) => response,
      },
    ],
  });
}

/** Of a list with metadata only; the API server writes one without items as `null`. */
export function metadataIn(list: {
  readonly items: readonly { readonly metadata?: V1ObjectMeta }[] | null;
}): readonly V1ObjectMeta[] {
  return (list.items ?? []).flatMap(({ metadata }) => metadata ?? []);
}

/** Law 2 for one object: only what the API server itself calls NotFound is absent; anything else that fails, throws. */
export async function answerOf<T>(request: Promise<T>): Promise<Answer<T>> {
  try {
    return present(await request);
  } catch (error) {
    if (error instanceof ApiException && statusIn(error).reason === 'NotFound') return ABSENT;
    throw error;
  }
}

const NOT_FOUND = 404;
const CONFLICT = 409;
const UNPROCESSABLE = 422;

/** Whether a conditional change took place; not, when the object has changed since, or is gone. */
export async function succeeded(change: Promise<unknown>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    const isRefused =
      error instanceof ApiException && [NOT_FOUND, CONFLICT, UNPROCESSABLE].includes(error.code);
    if (isRefused) return false;
    throw error;
  }
}

/** A failed request in a line: what the server says of it, without headers and body. */
export function inWords(error: unknown): string {
  if (error instanceof ApiException) return `HTTP ${error.code}: ${statusIn(error).message}`;
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${messageOf(error)}${cause}`;
}

/** The meta/v1 Status that an answer bears, unless a proxy in between gave the answer. */
function statusIn(error: ApiException<unknown>): {
  readonly reason: string | undefined;
  readonly message: string;
} {
  const body = String(error.body);
  try {
    const { reason, message } = JSON.parse(body) as Record<string, unknown>;
    return { reason: String(reason), message: String(message) };
  } catch {
    return { reason: undefined, message: body.slice(0, 200) };
  }
}
