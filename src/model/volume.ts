import type { Uuid } from './uuid.ts';

export const FS_TYPES = ['xfs', 'ext4', 'btrfs'] as const;
export type FsType = (typeof FS_TYPES)[number];

/** Access modes of one node; every MULTI_NODE_* is refused before it gets here. */
export const ACCESS_MODES = [
  'SINGLE_NODE_WRITER',
  'SINGLE_NODE_READER_ONLY',
  'SINGLE_NODE_SINGLE_WRITER',
  'SINGLE_NODE_MULTI_WRITER',
] as const;
export type AccessMode = (typeof ACCESS_MODES)[number];

export type Access =
  | { readonly type: 'mount'; readonly fsType: FsType; readonly mountFlags: readonly string[] }
  | { readonly type: 'block' };

export type Capability = { readonly access: Access; readonly mode: AccessMode };

/** In a node call the filesystem may be unnamed (a hand-made PV): then the volume's own is meant. */
export type NodeAccess =
  | { readonly type: 'mount'; readonly fsType: FsType | undefined; readonly mountFlags: readonly string[] }
  | { readonly type: 'block' };

export type NodeCapability = { readonly access: NodeAccess; readonly mode: AccessMode };

/** The filesystem of a new volume when nobody names one. */
export const DEFAULT_FS_TYPE: FsType = 'xfs';

/** What a StorageClass asks for, decoded. */
export type VolumeParameters = {
  readonly pool: string | undefined;
  readonly mkfsOptions: readonly string[];
};

/**
 * The PersistentVolumeClaim that a volume is made for, and the name of its PersistentVolume, as external-provisioner
 * tells with --extra-create-metadata. It tells people whose volume it is, and decides nothing.
 */
export type Claim = { readonly namespace: string; readonly name: string; readonly volume: string };

/** capacity_range of CSI; undefined = not given. */
export type SizeRange = {
  readonly requiredBytes: bigint | undefined;
  readonly limitBytes: bigint | undefined;
};

export type CreateRequest = {
  readonly name: string;
  readonly size: SizeRange;
  readonly capabilities: readonly Capability[];
  readonly parameters: VolumeParameters;
  readonly claim: Claim | undefined;
};

/** volume_context: which mark bore the volume when it was made (design.md, "Volume context"). Empty for a hand-made PV. */
export type VolumeContext = {
  readonly pool: string | undefined;
  readonly mark: string | undefined;
  readonly machine: string | undefined;
};

/** A volume as CreateVolume and ListVolumes show it. */
export type VolumeInfo = {
  readonly handle: Uuid;
  readonly sizeBytes: bigint;
  readonly context: { readonly pool: string; readonly mark: string; readonly machine: string };
};

export type StageRequest = {
  readonly handle: string;
  readonly stagingPath: string;
  readonly capability: NodeCapability;
  readonly context: VolumeContext;
};

export type PublishRequest = {
  readonly handle: string;
  readonly stagingPath: string;
  readonly targetPath: string;
  readonly capability: NodeCapability;
  readonly readOnly: boolean;
  readonly context: VolumeContext;
};

export type ExpandRequest = {
  readonly handle: string;
  readonly volumePath: string;
  readonly size: SizeRange;
};

/** usage of NodeGetVolumeStats; a block volume has only a total. */
export type VolumeStats =
  | {
      readonly type: 'mount';
      readonly bytes: { readonly total: bigint; readonly used: bigint; readonly available: bigint };
      readonly inodes: { readonly total: bigint; readonly used: bigint; readonly available: bigint };
    }
  | { readonly type: 'block'; readonly totalBytes: bigint };

export type Capacity = {
  readonly availableBytes: bigint;
  readonly maximumVolumeBytes: bigint;
};

/** One finding of NodeGetVolumeHealth or NodeGetStorageHealth; none = nothing known to be wrong. */
export type Health = {
  readonly status: 'DEGRADED' | 'INACCESSIBLE' | 'DATA_LOSS';
  readonly reason: string;
  readonly message: string;
};
