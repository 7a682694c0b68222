import type { ExecListener } from '../host/exec.ts';
import type { Notify } from '../model/notice.ts';
import type { Census } from '../volumes/census.ts';
import { createRegistry } from './define.ts';
import { countNotices } from './notices.ts';
import { addProcessMetrics } from './process.ts';
import type { Scrapable } from './server.ts';
import { addStateGauges } from './state.ts';
import { type CallListener, countCalls, countCommands } from './work.ts';

/** All metrics of the node process: listeners for what happens, and what there is, counted at each scrape. */
export type NodeMetrics = Scrapable & {
  readonly onCall: CallListener;
  readonly onCommand: ExecListener;
  readonly onNotice: Notify;
  /** Until it is called there is nothing to count, and the node is shown as not ready. */
  countFrom(census: () => Census): void;
};

export function createNodeMetrics(version: string, registry = createRegistry()): NodeMetrics {
  addProcessMetrics(registry, version);
  const showState = addStateGauges(registry);
  let take: (() => Census) | undefined;
  return {
    contentType: registry.contentType,
    metrics() {
      if (take !== undefined) showState(take());
      return registry.metrics();
    },
    onCall: countCalls(registry),
    onCommand: countCommands(registry),
    onNotice: countNotices(registry),
    countFrom(census) {
      take = census;
    },
  };
}
