import { apply } from '../lab/kubectl.ts';
import { DRIVER_NAME } from './driver.ts';

type Differs = {
  readonly fsType?: 'ext4' | 'btrfs';
  readonly reclaimPolicy?: 'Retain';
  readonly volumeBindingMode?: 'Immediate';
};

/** A StorageClass beside the usual one. */
export async function applyClass(name: string, differs: Differs): Promise<void> {
  const { fsType = 'xfs', reclaimPolicy = 'Delete', volumeBindingMode = 'WaitForFirstConsumer' } = differs;
  await apply({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner: DRIVER_NAME,
    volumeBindingMode,
    allowVolumeExpansion: true,
    reclaimPolicy,
    parameters: { 'csi.storage.k8s.io/fstype': fsType },
  });
}
