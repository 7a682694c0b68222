import { join } from 'node:path';
import { buildTool, CHART } from '../../manifests/render.ts';
import { CONTROL_PLANE, pidOf } from '../lab/machine.ts';
import { KUBECONFIG, ROOT } from '../lab/place.ts';
import { run } from '../lab/tool.ts';
import { DRIVER_NAMESPACE } from './driver.ts';

const RELEASE = 'instance-store-csi';
const BUILD_TIMEOUT_MS = 20 * 60_000;

/** Installs a chart with the lab's values, or changes what is installed; this version's chart and image unless named. */
export async function helmInstall(chart = CHART, tag = 'e2e'): Promise<void> {
  const values = `--values=${join(ROOT, 'test/cluster/install/values.yaml')}`;
  await helm('upgrade', '--install', '--create-namespace', values, `--set=image.tag=${tag}`, RELEASE, chart);
}

export async function helmUninstall(): Promise<void> {
  await helm('uninstall', '--wait', RELEASE);
}

async function helm(...args: readonly string[]): Promise<void> {
  const pid = await pidOf(CONTROL_PLANE);
  const command = [await buildTool('helm'), `--namespace=${DRIVER_NAMESPACE}`, ...args];
  await run('nsenter', [`--target=${pid}`, '--net', '--', ...command], {
    env: { KUBECONFIG },
    timeout: BUILD_TIMEOUT_MS,
  });
}
