import type { Durable } from '../host/durable.ts';
import { type Answer, unknown } from '../model/answer.ts';
import type { Notify } from '../model/notice.ts';
import type { ClusterAccess } from './access.ts';
import { createApi, createListPage } from './client.ts';
import { Events } from './events.ts';
import { Hostname } from './hostname.ts';
import { findPersistentVolume } from './persistent-volumes.ts';

/** What the node process knows of its cluster, and tells it. */
export type ClusterFace = {
  /** This node's hostname, as volumes are pinned by it. @throws DriverError `not-ready` while it is not known */
  hostname(): string;
  readonly notify: Notify;
  /** Whether a PersistentVolume bears the handle; `name` is what it would be called. */
  readonly findPersistentVolume: (handle: string, name: string | undefined) => Promise<Answer<unknown>>;
  /**
   * Keeps up with the hostname label. Only for the holder of the state directory's lock.
   * @returns why the process has to end; undefined when told to stop
   */
  watch(durable: Durable): Promise<string | undefined>;
};

type FaceOptions = {
  readonly node: string;
  readonly stateDir: string;
  /** Told what becomes of the face itself. */
  readonly tell: Notify;
  readonly stop: AbortSignal;
};

/** `access` undefined: no Kubernetes; the node's name is its hostname, and nobody is told anything. */
export function createFace(access: ClusterAccess | undefined, options: FaceOptions): ClusterFace {
  const { node, stateDir, stop } = options;
  if (access === undefined) {
    return {
      hostname: () => node,
      notify: () => undefined,
      findPersistentVolume: async () => unknown('there is no cluster to ask'),
      watch: () => untilAborted(stop),
    };
  }
  // What is cut short by the end of the process is no silence of the cluster.
  const tell: Notify = (notice) => (stop.aborted ? undefined : options.tell(notice));
  const api = createApi(access, stop);
  const list = createListPage(access, stop);
  const hostname = new Hostname({ api, node, stateDir, notify: tell });
  const events = new Events({ api, node, tell });
  return {
    hostname: () => hostname.current(),
    notify: (notice) => events.notify(notice),
    findPersistentVolume: (handle, name) => findPersistentVolume(api, list, handle, name),
    watch: (durable) => hostname.watch(durable, stop),
  };
}

async function untilAborted(stop: AbortSignal): Promise<undefined> {
  if (!stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }));
}
