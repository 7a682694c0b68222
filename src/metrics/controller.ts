import type { ClusterNotice, NotifyCluster } from '../model/cluster-notice.ts';
import { addCounter, addGauge, createRegistry } from './define.ts';
import { addProcessMetrics } from './process.ts';
import type { Scrapable } from './server.ts';
import { type CallListener, countCalls } from './work.ts';

/** All metrics of the controller process: listeners for what happens. */
export type ControllerMetrics = Scrapable & {
  readonly onCall: CallListener;
  readonly onNotice: NotifyCluster;
};

export function createControllerMetrics(version: string, registry = createRegistry()): ControllerMetrics {
  addProcessMetrics(registry, version);
  const leading = addGauge(registry, {
    name: 'instance_store_csi_controller_leading',
    help: '1 in the replica that works, 0 in those that wait.',
  });
  const lifted = addCounter(registry, {
    name: 'instance_store_csi_startup_taints_lifted_total',
    help: 'Nodes from which the startup taint was lifted.',
  });
  const swept = addCounter(registry, {
    name: 'instance_store_csi_stale_capacities_deleted_total',
    help: 'CSIStorageCapacity objects deleted because their node is gone.',
  });
  const failures = addCounter(registry, {
    name: 'instance_store_csi_controller_failures_total',
    help: 'Rounds of work that ended in an error of the API server, by what was being done; all are tried again.',
    labelNames: ['what'],
  });
  const listeners: {
    readonly [N in ClusterNotice['notice']]: (notice: Extract<ClusterNotice, { notice: N }>) => void;
  } = {
    leading: () => leading.set(1),
    'taint-lifted': () => lifted.inc(),
    'capacity-swept': () => swept.inc(),
    'request-failed': ({ what }) => failures.inc({ what }),
  };
  return {
    contentType: registry.contentType,
    metrics: () => registry.metrics(),
    onCall: countCalls(registry),
    onNotice: (notice) => (listeners[notice.notice] as NotifyCluster)(notice),
  };
}
