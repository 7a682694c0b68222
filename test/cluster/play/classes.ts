import { apply } from '../lab/kubectl.ts';
import { DRIVER_NAME } from './driver.ts';

/** A StorageClass beside the usual one. */
export async function applyClass(name: string, fsType: string, reclaimPolicy = 'Delete'): Promise<void> {
  await apply({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner: DRIVER_NAME,
    volumeBindingMode: 'WaitForFirstConsumer',
    allowVolumeExpansion: true,
    reclaimPolicy,
    parameters: { 'csi.storage.k8s.io/fstype': fsType },
  });
}
