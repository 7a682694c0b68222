import { createControllerMetrics } from '../../../src/metrics/controller.ts';
import { createRegistry } from '../../../src/metrics/define.ts';
import { createNodeMetrics } from '../../../src/metrics/node.ts';

/** What a metric was made of; prom-client's types keep the labels to themselves. */
export type Described = {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labelNames: readonly string[];
};

/** Of both processes; what both have is the same. */
function describeAll(): readonly Described[] {
  const all = [createNodeMetrics, createControllerMetrics].flatMap((create) => {
    const registry = createRegistry();
    create('0', registry);
    return registry.getMetricsAsArray() as unknown as readonly Described[];
  });
  return [...new Map(all.map((metric) => [metric.name, metric])).values()];
}

/** Every metric of the node process and of the controller. */
export const METRICS = describeAll();
