import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CreateVolumeResponse__Output } from '../../src/csi/gen/csi/v1/CreateVolumeResponse.ts';
import type { VolumeCapability } from '../../src/csi/gen/csi/v1/VolumeCapability.ts';
import { type CsiClient, call } from './client.ts';

/** Plays kubelet and external-provisioner: the calls that they make, in their order, with their paths. */

export type Wanted = {
  readonly name: string;
  readonly sizeBytes: bigint;
  readonly limitBytes?: bigint;
  readonly access: 'block' | 'xfs' | 'ext4' | 'btrfs';
  readonly mode?: 'SINGLE_NODE_WRITER' | 'SINGLE_NODE_MULTI_WRITER' | 'SINGLE_NODE_SINGLE_WRITER';
  readonly parameters?: Readonly<Record<string, string>>;
  readonly mountFlags?: readonly string[];
};

export type Made = {
  readonly id: string;
  readonly sizeBytes: bigint;
  readonly context: Record<string, string>;
  readonly wanted: Wanted;
};

export class Player {
  private readonly client: () => CsiClient;
  private readonly kubelet: string;

  /** `kubelet` stands for /var/lib/kubelet. The client is asked for anew, as drivers come and go. */
  constructor(client: () => CsiClient, kubelet: string) {
    this.client = client;
    this.kubelet = kubelet;
  }

  async create(wanted: Wanted): Promise<Made> {
    const { controller } = this.client();
    const response: CreateVolumeResponse__Output = await call(controller, controller.CreateVolume, {
      name: wanted.name,
      capacity_range: {
        required_bytes: wanted.sizeBytes.toString(),
        ...(wanted.limitBytes === undefined ? {} : { limit_bytes: wanted.limitBytes.toString() }),
      },
      volume_capabilities: [capabilityOf(wanted)],
      parameters: { ...wanted.parameters },
    });
    const { volume } = response;
    if (volume === null) throw new Error('CreateVolume answered without a volume');
    return {
      id: volume.volume_id,
      sizeBytes: BigInt(volume.capacity_bytes),
      context: volume.volume_context,
      wanted,
    };
  }

  async delete(id: string): Promise<void> {
    const { controller } = this.client();
    await call(controller, controller.DeleteVolume, { volume_id: id });
  }

  stagingPath({ id, wanted }: Made): string {
    const base = join(this.kubelet, 'plugins/kubernetes.io/csi');
    return wanted.access === 'block'
      ? join(base, 'volumeDevices/staging', id)
      : join(base, 'instance-store.csi.dev', id, 'globalmount');
  }

  targetPath({ id, wanted }: Made, pod = 'pod-1'): string {
    return wanted.access === 'block'
      ? join(this.kubelet, 'plugins/kubernetes.io/csi/volumeDevices/publish', id, pod)
      : join(this.kubelet, 'pods', pod, 'volumes/kubernetes.io~csi', id, 'mount');
  }

  async stage(made: Made): Promise<string> {
    const path = this.stagingPath(made);
    await mkdir(path, { recursive: true });
    const { node } = this.client();
    await call(node, node.NodeStageVolume, {
      volume_id: made.id,
      staging_target_path: path,
      volume_capability: capabilityOf(made.wanted),
      volume_context: made.context,
    });
    return path;
  }

  async publish(made: Made, pod = 'pod-1', readOnly = false): Promise<string> {
    const path = this.targetPath(made, pod);
    await mkdir(join(path, '..'), { recursive: true });
    const { node } = this.client();
    await call(node, node.NodePublishVolume, {
      volume_id: made.id,
      staging_target_path: this.stagingPath(made),
      target_path: path,
      volume_capability: capabilityOf(made.wanted),
      volume_context: made.context,
      readonly: readOnly,
    });
    return path;
  }

  async unpublish(made: Made, pod = 'pod-1'): Promise<void> {
    const { node } = this.client();
    await call(node, node.NodeUnpublishVolume, {
      volume_id: made.id,
      target_path: this.targetPath(made, pod),
    });
  }

  /** Kubelet removes the staging directory afterwards, and so does this. */
  async unstage(made: Made): Promise<void> {
    const { node } = this.client();
    await call(node, node.NodeUnstageVolume, {
      volume_id: made.id,
      staging_target_path: this.stagingPath(made),
    });
    await rm(this.stagingPath(made), { recursive: true, force: true });
  }

  async expand(made: Made, sizeBytes: bigint, pod = 'pod-1'): Promise<bigint> {
    const { node } = this.client();
    const { capacity_bytes } = await call(node, node.NodeExpandVolume, {
      volume_id: made.id,
      volume_path: this.targetPath(made, pod),
      staging_target_path: this.stagingPath(made),
      capacity_range: { required_bytes: sizeBytes.toString() },
    });
    return BigInt(capacity_bytes);
  }

  async capacity(
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<{ availableBytes: bigint; maximumBytes: bigint }> {
    const { controller } = this.client();
    const answer = await call(controller, controller.GetCapacity, { parameters: { ...parameters } });
    return {
      availableBytes: BigInt(answer.available_capacity),
      maximumBytes: BigInt(answer.maximum_volume_size?.value ?? 0),
    };
  }

  stats(made: Made, pod = 'pod-1') {
    const { node } = this.client();
    return call(node, node.NodeGetVolumeStats, {
      volume_id: made.id,
      volume_path: this.targetPath(made, pod),
    });
  }

  async health(made: Made) {
    const { node } = this.client();
    return call(node, node.NodeGetVolumeHealth, { volume_id: made.id });
  }
}

export function capabilityOf({ access, mode, mountFlags }: Wanted): VolumeCapability {
  const access_mode = { mode: mode ?? ('SINGLE_NODE_MULTI_WRITER' as const) };
  if (access === 'block') return { block: {}, access_mode };
  return { mount: { fs_type: access, mount_flags: [...(mountFlags ?? [])] }, access_mode };
}
