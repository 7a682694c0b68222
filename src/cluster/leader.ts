import { setTimeout as sleep } from 'node:timers/promises';
import type { NotifyCluster } from '../model/cluster-notice.ts';
import { type Api, FROM_CACHE, inWords } from './api.ts';
import { Sweep } from './sweep.ts';
import { Untaint } from './untaint.ts';

type LeaderOptions = {
  readonly api: Api;
  readonly driver: string;
  readonly namespace: string;
  readonly notify: NotifyCluster;
};

const LOOK_EVERY_MS = 5_000;
const SWEEP_EVERY_MS = 60_000;

/**
 * What the leader does until told to stop: a look at all CSINodes every few seconds. A list out of the API server's
 * cache, 1 KiB a node, is as cheap as the watch that it replaces and has no connection to lose; nodes themselves are
 * read only when their CSINode is new.
 */
export async function lead({ notify, ...options }: LeaderOptions, stop: AbortSignal): Promise<void> {
  const untaint = new Untaint({ ...options, notify });
  const sweep = new Sweep({ ...options, notify });
  let sweepAtMs = 0;
  const look = async (nowMs: number): Promise<void> => {
    const { items: csiNodes } = await options.api.storage.listCSINode(FROM_CACHE);
    await untaint.look(csiNodes, nowMs);
    if (nowMs < sweepAtMs) return;
    sweepAtMs = nowMs + SWEEP_EVERY_MS;
    await sweep.look(csiNodes, nowMs);
  };
  while (!stop.aborted) {
    await look(performance.now()).catch((error: unknown) =>
      notify({ notice: 'request-failed', what: 'look at the cluster', error: inWords(error) }),
    );
    await sleep(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
  }
}
