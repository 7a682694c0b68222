import type { StatusJson } from '../../shipped/driver/seen.ts';
import { kubectl } from '../lab/kubectl.ts';
import { DRIVER_NAMESPACE, driverPod } from './driver.ts';

/** Asks `instance-store-csi status --json` inside the driver's pod of a node, as an administrator does. */
export async function statusOf(nodeName: string): Promise<StatusJson> {
  const { metadata } = await driverPod(nodeName);
  const command = ['node', '/app/instance-store-csi.mjs', 'status', '--json'];
  const place = [`--namespace=${DRIVER_NAMESPACE}`, `--container=instance-store-csi`];
  return JSON.parse(await kubectl(...place, 'exec', metadata.name, '--', ...command)) as StatusJson;
}
