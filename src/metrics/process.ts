import { readdirSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { addCounter, addGauge } from './define.ts';

/**
 * What every process tells of itself: its version, and the few metrics of the process that every client library has.
 * prom-client's own set costs memory and watches the event loop and the garbage collector all the time.
 */
export function addProcessMetrics(registry: Registry, version: string): void {
  addGauge(registry, {
    name: 'instance_store_csi_build_info',
    help: 'Always 1; the labels say which version runs, and on which Node.js.',
    labelNames: ['version', 'nodejs'],
  }).set({ version, nodejs: process.versions.node }, 1);
  addGauge(registry, {
    name: 'process_start_time_seconds',
    help: 'When the process started, in seconds since the epoch.',
  }).set(performance.timeOrigin / 1000);
  addGauge(registry, {
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the process.',
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  addGauge(registry, {
    name: 'process_open_fds',
    help: 'Open file descriptors of the process.',
    collect() {
      this.set(readdirSync('/proc/self/fd').length);
    },
  });
  addCounter(registry, {
    name: 'process_cpu_seconds_total',
    help: 'Processor time that the process used, its children not counted.',
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}
