import { setTimeout as sleep } from 'node:timers/promises';
import { kubectl } from '../lab/kubectl.ts';
import type { Request } from '../play/audit.ts';
import { DRIVER_NAMESPACE, driverPods } from '../play/driver.ts';
import { type Usage, usages } from './containers.ts';
import { requestsBetween } from './requests.ts';

/** What the driver's containers did while something happened. */
export type Observation = {
  readonly minutes: number;
  readonly before: readonly Usage[];
  readonly after: readonly Usage[];
  readonly requests: readonly Request[];
};

/** As Prometheus asks by default, or more often. */
const SCRAPE_MS = 15_000;

/** Scrapes the metrics meanwhile, as in a cluster that is looked after. Returns what the act returned, too. */
export async function observe<T>(act: () => Promise<T>): Promise<readonly [Observation, T]> {
  const before = await usages();
  const fromMs = Date.now();
  const done = new AbortController();
  const scraped = scrape(done.signal);
  const acted = act().finally(() => done.abort());
  await Promise.all([acted, scraped]);
  const toMs = Date.now();
  const requests = await requestsBetween(fromMs, toMs);
  return [{ minutes: (toMs - fromMs) / 60_000, before, after: await usages(), requests }, await acted];
}

async function scrape(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const pod of await driverPods())
      await kubectl('get', '--raw', `/api/v1/namespaces/${DRIVER_NAMESPACE}/pods/${pod}:8080/proxy/metrics`);
    await sleep(SCRAPE_MS, undefined, { signal }).catch(() => undefined);
  }
}
