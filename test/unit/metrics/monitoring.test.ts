import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { ROOT } from '../house/planted.ts';
import { type Described, METRICS } from './described.ts';

const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

type Alert = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
};
type Rules = { readonly spec: { readonly groups: readonly { readonly rules: readonly Alert[] }[] } };

const ALERTS = (parse(textOf('deploy/monitoring/alerts.yaml')) as Rules).spec.groups.flatMap(
  ({ rules }) => rules,
);

/** Every query of the dashboard: of panels and of variables. */
function queries(dashboard: string): readonly string[] {
  const found: string[] = [];
  JSON.parse(dashboard, (key, value: unknown) => {
    if ((key === 'expr' || key === 'query') && typeof value === 'string') found.push(value);
    return value;
  });
  return found;
}

const QUERIES = queries(textOf('deploy/monitoring/dashboard.json'));

/** Given by Prometheus, or by the PodMonitor. */
const LABELS_OF_TARGETS = ['node', 'pod', 'instance', 'job'];

/** What a query names that no scrape has: metrics, and labels of those that there are. */
function unknownIn(query: string): readonly string[] {
  const used = [
    ...query.matchAll(/\b((?:instance_store_csi|local_volume_provisioner|process)_\w+)(?:\{([^}]*)\})?/g),
  ];
  return used.flatMap(([, name = '', selector = '']) => {
    const metric = METRICS.find((one) => samplesOf(one).includes(name));
    if (metric === undefined) return [name];
    const labels = [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label);
    const known = [...metric.labelNames, ...LABELS_OF_TARGETS];
    return labels.filter((label) => !known.includes(label)).map((label) => `${name}{${label}}`);
  });
}

function samplesOf({ name, type }: Described): readonly string[] {
  return type === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name];
}

describe('deploy/monitoring/alerts.yaml', () => {
  it.each(ALERTS)('$alert asks for metrics and labels that there are', ({ expr }) => {
    expect(unknownIn(expr)).toEqual([]);
  });

  it.each(ALERTS)('$alert says how bad it is, and leads to its runbook', ({ alert, labels, annotations }) => {
    expect(['critical', 'warning', 'info']).toContain(labels.severity);
    expect(annotations.runbook_url).toBe(`docs/runbooks.md#${alert.toLowerCase()}`);
  });

  it('has a runbook for each alert, in the same order, and no other', () => {
    const headings = [...textOf('docs/runbooks.md').matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(ALERTS.map(({ alert }) => alert));
  });
});

describe('deploy/monitoring/dashboard.json', () => {
  it('asks for metrics and labels that there are', () => {
    expect(QUERIES.length).toBeGreaterThan(20);
    expect(QUERIES.flatMap(unknownIn)).toEqual([]);
  });
});

describe('the check of queries', () => {
  it.each([
    ['sum(instance_store_csi_gone{pool="x"})', ['instance_store_csi_gone']],
    ['instance_store_csi_volumes{pool="x", kind!="y"} > 0', ['instance_store_csi_volumes{kind}']],
    [
      'rate(instance_store_csi_call_duration_seconds{code="OK"}[5m])',
      ['instance_store_csi_call_duration_seconds'],
    ],
    ['rate(instance_store_csi_call_duration_seconds_bucket{code=~"O.", node="a"}[5m])', []],
  ])('finds in %s: %j', (query, unknown) => {
    expect(unknownIn(query)).toEqual(unknown);
  });
});
