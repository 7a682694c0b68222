import type { Logger } from 'pino';
import {
  type ControllerOptions,
  controllerHelp,
  parseControllerInvocation,
} from './cli/controller-options.ts';
import { createLog } from './cli/log.ts';
import { fail, stopSignal } from './cli/process.ts';
import { VERSION } from './cli/version.ts';
import { type Api, connectApi } from './cluster/api.ts';
import { Election } from './cluster/election.ts';
import { lead } from './cluster/leader.ts';
import { serveExpansion } from './csi/expansion.ts';
import { createControllerMetrics } from './metrics/controller.ts';
import { serveMetrics } from './metrics/server.ts';
import type { ClusterNotice, NotifyCluster } from './model/cluster-notice.ts';
import { DriverError } from './model/errors.ts';
import { DRIVER_NAME } from './model/pool.ts';

const LEASE = 'instance-store-csi-controller';

/** The controller process: serve external-resizer, and of all replicas let one look after the cluster. */
async function main(): Promise<void> {
  const invocation = parseControllerInvocation(process.argv.slice(2), process.env);
  if (invocation.is === 'help') return void process.stdout.write(controllerHelp());
  if (invocation.is === 'version') return void process.stdout.write(`instance-store-csi ${VERSION}\n`);
  await control(invocation.options, createLog(invocation.options.logLevel), stopSignal());
  process.exit(0);
}

async function control(options: ControllerOptions, log: Logger, stop: AbortSignal): Promise<void> {
  const { endpoint, metricsAddress, namespace, podName } = options;
  const api = connectApi(options.kubeconfig, process.env);
  const metrics = createControllerMetrics(VERSION);
  const notify = (notice: ClusterNotice): void => {
    tell(log, notice);
    metrics.onNotice(notice);
  };
  const { onCall } = metrics;
  const identity = { driverName: DRIVER_NAME, version: VERSION };
  const server = await serveExpansion({ endpoint, log, onCall, ...identity });
  if (metricsAddress !== undefined)
    await serveMetrics(metricsAddress, metrics, (err) => log.error({ err }, 'scrape failed'));
  log.info({ endpoint, metricsAddress, namespace, podName, version: VERSION }, 'serving');
  try {
    await compete(api, options, notify, stop);
  } finally {
    await server.stop();
    log.info('stopped');
  }
}

/** @throws DriverError `unknown` when the lease is lost: a new process begins anew */
async function compete(
  api: Api,
  { namespace, podName }: ControllerOptions,
  notify: NotifyCluster,
  stop: AbortSignal,
): Promise<void> {
  const election = new Election({ api, namespace, name: LEASE, me: podName, notify });
  if (!(await election.won(stop))) return;
  notify({ notice: 'leading', lease: `${namespace}/${LEASE}` });
  void lead({ api, driver: DRIVER_NAME, namespace, notify }, stop);
  if ((await election.keep(stop)) === 'lost')
    throw new DriverError('unknown', `Lost the lease ${namespace}/${LEASE}`);
}

function tell(log: Logger, { notice, ...facts }: ClusterNotice): void {
  log[notice === 'request-failed' ? 'warn' : 'info'](facts, notice);
}

main().catch(fail);
