import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT } from '../house/planted.ts';
import { METRICS } from './described.ts';

const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

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
