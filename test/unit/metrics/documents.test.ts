import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createControllerMetrics } from '../../../src/metrics/controller.ts';
import { createRegistry } from '../../../src/metrics/define.ts';
import { createNodeMetrics } from '../../../src/metrics/node.ts';
import { ROOT } from '../house/planted.ts';

const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** prom-client's types keep the labels to themselves. */
type Described = {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labelNames: readonly string[];
};

/** Of both processes; what both have is the same. */
function described(): readonly Described[] {
  const all = [createNodeMetrics, createControllerMetrics].flatMap((create) => {
    const registry = createRegistry();
    create('0', registry);
    return registry.getMetricsAsArray() as unknown as readonly Described[];
  });
  return [...new Map(all.map((metric) => [metric.name, metric])).values()];
}

const METRICS = described();

describe('docs/metrics.md', () => {
  it('has a row for each metric, with its type, labels and meaning, and no other', () => {
    const rows = textOf('docs/metrics.md')
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    const wanted = METRICS.map(({ name, type, help, labelNames }) => {
      const labels = labelNames.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${type} | ${labels || '–'} | ${help} |`;
    });
    expect(rows.toSorted()).toEqual(wanted.toSorted());
  });
});

describe('the names of metrics', () => {
  it('follow the conventions of Prometheus', () => {
    const ours = /^(instance_store_csi|local_volume_provisioner|process)_[a-z_]+$/;
    expect(METRICS.filter(({ name }) => !ours.test(name))).toEqual([]);
    const counters = METRICS.filter(({ type }) => type === 'counter').map(({ name }) => name);
    expect(counters.filter((name) => !name.endsWith('_total'))).toEqual([]);
    const histograms = METRICS.filter(({ type }) => type === 'histogram').map(({ name }) => name);
    expect(histograms.filter((name) => !name.endsWith('_seconds'))).toEqual([]);
  });
});
