import { mkdir } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { logCommand, logNotice } from './cli/log.ts';
import type { Options } from './cli/options.ts';
import { VERSION } from './cli/version.ts';
import { serveAdministration } from './csi/administration.ts';
import { serve } from './csi/server.ts';
import { crashpointsFromEnvironment } from './host/crashpoint.ts';
import { createDurable } from './host/durable.ts';
import { createExec, type ExecListener } from './host/exec.ts';
import { acquireLock } from './host/lock.ts';
import { machineId } from './host/machine.ts';
import { watchDevices } from './host/watch.ts';
import { clusterOf } from './kube/access.ts';
import { type ClusterFace, createFace } from './kube/face.ts';
import { HOSTNAME_LABEL } from './kube/hostname.ts';
import { createNodeMetrics, type NodeMetrics } from './metrics/node.ts';
import { type MetricsServer, serveMetrics } from './metrics/server.ts';
import { DriverError, messageOf } from './model/errors.ts';
import type { Notify } from './model/notice.ts';
import { type Configuration, DRIVER_NAME, type Self } from './model/pool.ts';
import { CordonFile } from './pools/cordons.ts';
import { Pools } from './pools/pools.ts';
import { Records } from './volumes/records.ts';
import { VolumeService } from './volumes/service.ts';
import { createStandby, type Standby } from './volumes/standby.ts';

const LOOK_EVERY_MS = 30_000;
const ORPHANS_EVERY_MS = 600_000;
const LOCK_RETRY_MS = 500;

/**
 * The node process: serve at once, wait for the state directory, work until told to stop.
 * @throws DriverError `not-ready` when it has to start anew, as the cluster calls its node otherwise now
 */
export async function serveNode(
  options: Options,
  configuration: Configuration,
  log: Logger,
  stop: AbortSignal,
): Promise<void> {
  const self: Self = {
    driver: DRIVER_NAME,
    node: options.nodeName,
    machine: await machineId(options.machineId),
  };
  await makeStateDirectory(options.stateDir);
  const metrics = createNodeMetrics(VERSION);
  const tell: Notify = (notice) => {
    logNotice(log, notice);
    metrics.onNotice(notice);
  };
  const access = options.noKubernetes ? undefined : clusterOf(process.env);
  const cluster = createFace(access, { node: self.node, stateDir: options.stateDir, tell, stop });
  const standby = createStandby();
  const metricsServer = await startMetrics(options, metrics, log);
  const server = await serve({
    endpoint: options.endpoint,
    volumes: standby.volumes,
    log,
    onCall: metrics.onCall,
    driverName: DRIVER_NAME,
    version: VERSION,
    nodeId: self.node,
    topology: () => ({ [HOSTNAME_LABEL]: cluster.hostname() }),
    maxVolumesPerNode: () => standby.volumes.maxVolumes(),
  });
  log.info({ endpoint: options.endpoint, self, version: VERSION }, 'serving');
  try {
    const lockFd = await waitForLock(options.stateDir, standby, log, stop);
    const parts = { tell, cluster, standby, metrics, log };
    if (lockFd !== undefined) await work(options, configuration, self, lockFd, parts);
  } finally {
    await server.stop();
    await metricsServer?.stop();
    log.info('stopped');
  }
}

async function makeStateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw new DriverError('host-failed', `Cannot make the state directory: ${messageOf(cause)}`, { cause });
  });
}

async function startMetrics(
  { metricsAddress }: Options,
  metrics: NodeMetrics,
  log: Logger,
): Promise<MetricsServer | undefined> {
  if (metricsAddress === undefined) return undefined;
  const server = await serveMetrics(metricsAddress, metrics, (err) => log.error({ err }, 'scrape failed'));
  log.info(server.address, 'serving metrics');
  return server;
}

/** @returns undefined when told to stop before another driver let go */
async function waitForLock(
  stateDir: string,
  standby: Standby,
  log: Logger,
  stop: AbortSignal,
): Promise<number | undefined> {
  const path = join(stateDir, 'lock');
  let told = false;
  while (!stop.aborted) {
    const lock = await acquireLock(path);
    if (lock.is === 'held') return lock.fd;
    standby.waitFor(`another driver holds ${path}`);
    if (!told)
      log.warn({ path }, 'waiting: another driver, or a child that it left, holds the state directory');
    told = true;
    await sleep(LOCK_RETRY_MS, undefined, { signal: stop }).catch(() => undefined);
  }
  return undefined;
}

/** What is there before the state directory is ours, and is put to use then. */
type Parts = {
  readonly tell: Notify;
  readonly cluster: ClusterFace;
  readonly standby: Standby;
  readonly metrics: NodeMetrics;
  readonly log: Logger;
};

async function work(
  options: Options,
  configuration: Configuration,
  self: Self,
  lockFd: number,
  { tell, cluster, standby, metrics, log }: Parts,
): Promise<void> {
  const crashpoints = crashpointsFromEnvironment(process.env);
  const onCommand: ExecListener = (event) => {
    logCommand(log, event);
    metrics.onCommand(event);
  };
  const notify: Notify = (notice) => {
    tell(notice);
    cluster.notify(notice);
  };
  const exec = createExec({ lockFd, crashpoints, listener: onCommand });
  const durable = createDurable(crashpoints);
  const records = await Records.open(options.stateDir, durable, (file) =>
    notify({ notice: 'record-set-aside', file }),
  );
  const cordons = await CordonFile.open(options.stateDir, durable);
  if (cordons.unreadWhy !== undefined) notify({ notice: 'cordons-unread', why: cordons.unreadWhy });
  const pools = new Pools({ exec, self, configuration, cordons, notify });
  const service = new VolumeService({ self, exec, crashpoints, pools, records, notify, kernel: release() });
  standby.serve(service);
  metrics.countFrom(() => service.census());
  const administration = await serveAdministration({
    stateDir: options.stateDir,
    administration: service.administration,
    ready: () => service.ready(),
    log,
    onCall: metrics.onCall,
  });
  const ended = cluster.watch(durable);
  await service.refresh();
  if (service.ready().is === 'ready') log.info('ready');
  const watch = watchDevices(() => void service.refresh(), { everyMs: LOOK_EVERY_MS });
  const { findPersistentVolume } = cluster;
  const orphans = setInterval(
    () => void service.lookForOrphans(findPersistentVolume, configuration.orphans),
    ORPHANS_EVERY_MS,
  );
  const why = await ended;
  clearInterval(orphans);
  watch.close();
  await administration.stop();
  await service.stop();
  if (why !== undefined) throw new DriverError('not-ready', why);
}
