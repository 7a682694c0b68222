import type {
  CounterConfiguration,
  Counter as CounterMetric,
  GaugeConfiguration,
  Gauge as GaugeMetric,
  HistogramConfiguration,
  Histogram as HistogramMetric,
  Registry as MetricRegistry,
} from 'prom-client';
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Histogram from 'prom-client/lib/histogram.js';
import Registry from 'prom-client/lib/registry.js';

/** Metrics of one registry: prom-client would add them to a global one. */

export function createRegistry(): MetricRegistry {
  return new Registry();
}

type Without<Configuration> = Omit<Configuration, 'registers'>;

export function addGauge<L extends string>(
  registry: MetricRegistry,
  definition: Without<GaugeConfiguration<L>>,
): GaugeMetric<L> {
  return new Gauge({ ...definition, registers: [registry] });
}

export function addCounter<L extends string>(
  registry: MetricRegistry,
  definition: Without<CounterConfiguration<L>>,
): CounterMetric<L> {
  return new Counter({ ...definition, registers: [registry] });
}

export function addHistogram<L extends string>(
  registry: MetricRegistry,
  definition: Without<HistogramConfiguration<L>>,
): HistogramMetric<L> {
  return new Histogram({ ...definition, registers: [registry] });
}
