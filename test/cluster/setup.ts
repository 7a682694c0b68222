import type { ChildProcess } from 'node:child_process';
import { isUp, tieToThisProcess, up } from './lab/cluster.ts';
import { install, isInstalled } from './play/driver.ts';

declare global {
  /** Of the cluster that was made for this run; undefined when the run uses one that was up before. */
  var clusterJanitor: ChildProcess | undefined;
}

/** Uses the cluster that is up, or makes one that goes with this run. */
export default async function setup(): Promise<void> {
  if (!(await isUp())) {
    globalThis.clusterJanitor = tieToThisProcess();
    await up();
  }
  if (!(await isInstalled())) await install();
}
