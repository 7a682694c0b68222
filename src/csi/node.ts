import type { VolumeStats } from '../model/volume.ts';
import type { Volumes } from '../volumes/api.ts';
import type { Adapt } from './adapter.ts';
import { demandHandle } from './decode-controller.ts';
import { decodeExpand, decodeLooked, decodePlace, decodePublish, decodeStage } from './decode-node.ts';
import type { NodeHandlers } from './gen/csi/v1/Node.ts';
import type { NodeExpandVolumeResponse } from './gen/csi/v1/NodeExpandVolumeResponse.ts';
import type { NodeGetCapabilitiesResponse } from './gen/csi/v1/NodeGetCapabilitiesResponse.ts';
import type { NodeGetInfoResponse } from './gen/csi/v1/NodeGetInfoResponse.ts';
import type { NodeGetStorageHealthResponse } from './gen/csi/v1/NodeGetStorageHealthResponse.ts';
import type { NodeGetVolumeHealthResponse } from './gen/csi/v1/NodeGetVolumeHealthResponse.ts';
import type { NodeGetVolumeStatsResponse } from './gen/csi/v1/NodeGetVolumeStatsResponse.ts';
import type { NodeServiceCapability } from './gen/csi/v1/NodeServiceCapability.ts';
import type { VolumeUsage } from './gen/csi/v1/VolumeUsage.ts';
import { merged, STORAGE_STATUS, VOLUME_STATUS } from './health.ts';
import type { OwnTopology } from './topology.ts';

const CAPABILITIES: NodeServiceCapability[] = [
  { rpc: { type: 'STAGE_UNSTAGE_VOLUME' } },
  { rpc: { type: 'GET_VOLUME_STATS' } },
  { rpc: { type: 'EXPAND_VOLUME' } },
  { rpc: { type: 'SINGLE_NODE_MULTI_WRITER' } },
  { rpc: { type: 'GET_VOLUME_HEALTH' } },
  { rpc: { type: 'GET_STORAGE_HEALTH' } },
];

type Node = {
  readonly volumes: Volumes;
  readonly nodeId: string;
  readonly topology: OwnTopology;
  readonly maxVolumesPerNode: () => number;
};

export function nodeService(adapt: Adapt, node: Node): NodeHandlers {
  return {
    ...stagingMethods(adapt, node.volumes),
    ...publishingMethods(adapt, node.volumes),
    ...watchingMethods(adapt, node.volumes),
    ...selfMethods(adapt, node),
  };
}

function stagingMethods(adapt: Adapt, volumes: Volumes) {
  return {
    NodeStageVolume: adapt({
      name: 'NodeStageVolume',
      level: 'info',
      needs: 'disks',
      decode: decodeStage,
      run: async (request) => {
        await volumes.stage(request);
        return {};
      },
    }),
    NodeUnstageVolume: adapt({
      name: 'NodeUnstageVolume',
      level: 'info',
      needs: 'disks',
      decode: (raw) => decodePlace(raw, 'staging_target_path', raw.staging_target_path),
      run: async ({ handle, path }) => {
        await volumes.unstage(handle, path);
        return {};
      },
    }),
  } satisfies Partial<NodeHandlers>;
}

function publishingMethods(adapt: Adapt, volumes: Volumes) {
  return {
    NodePublishVolume: adapt({
      name: 'NodePublishVolume',
      level: 'info',
      needs: 'disks',
      decode: decodePublish,
      run: async (request) => {
        await volumes.publish(request);
        return {};
      },
    }),
    NodeUnpublishVolume: adapt({
      name: 'NodeUnpublishVolume',
      level: 'info',
      needs: 'disks',
      decode: (raw) => decodePlace(raw, 'target_path', raw.target_path),
      run: async ({ handle, path }) => {
        await volumes.unpublish(handle, path);
        return {};
      },
    }),
    NodeExpandVolume: adapt({
      name: 'NodeExpandVolume',
      level: 'info',
      needs: 'disks',
      decode: decodeExpand,
      run: async (request): Promise<NodeExpandVolumeResponse> => ({
        capacity_bytes: (await volumes.expand(request)).toString(),
      }),
    }),
  } satisfies Partial<NodeHandlers>;
}

function watchingMethods(adapt: Adapt, volumes: Volumes) {
  return {
    NodeGetVolumeStats: adapt({
      name: 'NodeGetVolumeStats',
      level: 'debug',
      needs: 'disks',
      decode: decodeLooked,
      run: async ({ handle, path }): Promise<NodeGetVolumeStatsResponse> => ({
        usage: usage(await volumes.stats(handle, path)),
      }),
    }),
    NodeGetVolumeHealth: adapt({
      name: 'NodeGetVolumeHealth',
      level: 'debug',
      needs: 'disks',
      decode: (raw) => demandHandle(raw.volume_id),
      run: async (handle): Promise<NodeGetVolumeHealthResponse> => ({
        volume_health: {
          volume_id: handle,
          health_statuses: merged(await volumes.health(handle), VOLUME_STATUS),
        },
      }),
    }),
    NodeGetStorageHealth: adapt({
      name: 'NodeGetStorageHealth',
      level: 'debug',
      needs: 'disks',
      decode: () => undefined,
      run: async (): Promise<NodeGetStorageHealthResponse> => ({
        backend_health: merged(await volumes.storageHealth(), STORAGE_STATUS),
      }),
    }),
  } satisfies Partial<NodeHandlers>;
}

function selfMethods(adapt: Adapt, { nodeId, topology, maxVolumesPerNode }: Node) {
  return {
    /** The kubelet asks for the number of volumes once; a refusal restarts the registrar, each time later. */
    NodeGetInfo: adapt({
      name: 'NodeGetInfo',
      level: 'debug',
      needs: 'disks soon',
      decode: () => undefined,
      run: (): NodeGetInfoResponse => ({
        node_id: nodeId,
        max_volumes_per_node: maxVolumesPerNode().toString(),
        accessible_topology: { segments: { ...topology() } },
      }),
    }),
    NodeGetCapabilities: adapt({
      name: 'NodeGetCapabilities',
      level: 'debug',
      needs: 'nothing',
      decode: () => undefined,
      run: (): NodeGetCapabilitiesResponse => ({ capabilities: CAPABILITIES }),
    }),
  } satisfies Partial<NodeHandlers>;
}

/** A raw block volume has no files in it that we could count: only a total. */
function usage(stats: VolumeStats): VolumeUsage[] {
  if (stats.type === 'block') return [{ unit: 'BYTES', total: stats.totalBytes.toString() }];
  return [counted('BYTES', stats.bytes), counted('INODES', stats.inodes)];
}

function counted(
  unit: 'BYTES' | 'INODES',
  { total, used, available }: { readonly total: bigint; readonly used: bigint; readonly available: bigint },
): VolumeUsage {
  return { unit, total: total.toString(), used: used.toString(), available: available.toString() };
}
