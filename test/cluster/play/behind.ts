import { join } from 'node:path';
import { type CsiClient, connect } from '../../player/client.ts';
import { Player } from '../../player/player.ts';
import { runInside } from '../lab/machine.ts';
import type { Node } from '../lab/node.ts';
import { DRIVER_NAME } from './driver.ts';

/** As the kernel names its process. */
const PROVISIONER = 'csi-provisioner';

/** Calls a node's driver over its own socket, as somebody of whom the node's provisioner knows nothing. */
export async function behindTheProvisioner<T>(node: Node, use: (player: Player) => Promise<T>): Promise<T> {
  const kubelet = join(node.folder, 'kubelet');
  const client: CsiClient = connect(`unix://${join(kubelet, 'plugins', DRIVER_NAME, 'csi.sock')}`);
  try {
    return await use(new Player(() => client, kubelet));
  } finally {
    client.close();
  }
}

/** The provisioner of the node stands still meanwhile: it makes nothing, and tells no capacity. */
export async function whileProvisionerSleeps(node: Node, act: () => Promise<void>): Promise<void> {
  await runInside(node, ['pkill', '-STOP', '-x', PROVISIONER]);
  try {
    await act();
  } finally {
    await runInside(node, ['pkill', '-CONT', '-x', PROVISIONER]);
  }
}
