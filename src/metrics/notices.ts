import type { Registry } from 'prom-client';
import type { Notice, Notify } from '../model/notice.ts';
import { addCounter, addHistogram } from './define.ts';

type Name = Notice['notice'];

/** Every kind of notice and whether it is counted: progress is told over and over, and is shown by gauges. */
const COUNTED: { readonly [N in Name]: boolean } = {
  'disk-taken': true,
  erasing: false,
  'disk-refused': true,
  'disk-served': true,
  'disk-gone': true,
  'disk-cordoned': true,
  'disk-uncordoned': true,
  'disk-released': true,
  'cordons-unread': true,
  'array-whole': true,
  'array-degraded': true,
  'array-lost': true,
  'array-waiting': true,
  'pool-differs': true,
  step: true,
  'step-failed': true,
  contradiction: true,
  provisioned: true,
  prepared: true,
  expanded: true,
  quarantined: true,
  sanitizing: false,
  sanitized: true,
  'sanitize-failed': true,
  'data-loss': true,
  orphan: true,
  hostname: true,
  'cluster-silent': true,
  'record-set-aside': true,
};

/** A mkfs takes a second, going over a whole disk hours. */
const BUCKETS_SECONDS = [0.1, 1, 10, 60, 600, 3600];

/** From 0 on, so that the first one is an increase. */
export function countNotices(registry: Registry): Notify {
  const notices = addCounter(registry, {
    name: 'instance_store_csi_notices_total',
    help: 'What happened, by kind, in the words of the log.',
    labelNames: ['notice'],
  });
  for (const notice of Object.keys(COUNTED)) if (COUNTED[notice as Name]) notices.inc({ notice }, 0);
  const measures = [measurePreparing(registry), measureSanitizing(registry)];
  return (notice) => {
    if (COUNTED[notice.notice]) notices.inc({ notice: notice.notice });
    for (const measure of measures) measure(notice);
  };
}

function measurePreparing(registry: Registry): Notify {
  const durations = addHistogram(registry, {
    name: 'instance_store_csi_prepare_duration_seconds',
    help: 'Time to prepare a slice, by what was put on it: a filesystem, or `zeros` for raw block.',
    labelNames: ['content'],
    buckets: BUCKETS_SECONDS,
  });
  return (notice) => {
    if (notice.notice === 'prepared') durations.observe({ content: notice.what }, notice.durationMs / 1000);
  };
}

/**
 * Under the names of the local volume static provisioner, as the meaning is the same: deleting a volume is cleaning it.
 * `process` is what it calls a cleaning that is no Job.
 */
function measureSanitizing(registry: Registry): Notify {
  const name = 'local_volume_provisioner_persistentvolume_delete';
  const labels = { type: 'process' };
  const labelNames = ['type'];
  const deleted = addCounter(registry, {
    name: `${name}_total`,
    help: 'Deleted volumes whose slice was sanitized and is capacity again.',
    labelNames,
  });
  const failed = addCounter(registry, {
    name: `${name}_failed_total`,
    help: 'Attempts to sanitize the slice of a deleted volume that failed.',
    labelNames,
  });
  const durations = addHistogram(registry, {
    name: `${name}_duration_seconds`,
    help: 'Time to sanitize the slice of a deleted volume.',
    labelNames,
    buckets: BUCKETS_SECONDS,
  });
  for (const counter of [deleted, failed]) counter.inc(labels, 0);
  return (notice) => {
    if (notice.notice === 'sanitize-failed') failed.inc(labels);
    if (notice.notice !== 'sanitized') return;
    deleted.inc(labels);
    durations.observe(labels, notice.durationMs / 1000);
  };
}
