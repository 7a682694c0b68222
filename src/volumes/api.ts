import type {
  Capability,
  Capacity,
  CreateRequest,
  ExpandRequest,
  Health,
  PublishRequest,
  StageRequest,
  VolumeContext,
  VolumeInfo,
  VolumeParameters,
  VolumeStats,
} from '../model/volume.ts';

/**
 * The heart as the gRPC face sees it. Every promise rejects with a DriverError; every call may be killed at any
 * point and repeated (law 4). Calls go on when the caller's deadline passes: a repeat meets `busy` until they end.
 */
export type Volumes = {
  /** Resolves when disks were looked at once, repairs were made and the state directory is ours. */
  ready(): Readiness;

  /** @throws DriverError `exists-differently`, `exhausted`, `out-of-range`, `invalid-argument`, `busy` */
  create(request: CreateRequest): Promise<VolumeInfo>;
  /** Unknown and malformed handles succeed. @throws DriverError `in-use`, `another-node`, `busy` */
  delete(handle: string): Promise<void>;
  /** Why the volume cannot serve these capabilities, or undefined when it can. @throws DriverError `not-found` */
  validate(
    handle: string,
    capabilities: readonly Capability[],
    parameters: VolumeParameters,
    context: VolumeContext,
  ): Promise<string | undefined>;
  /** All volumes of this node, by handle. */
  list(): Promise<readonly VolumeInfo[]>;
  /** Never throws for a pool that this node does not have: that is capacity 0. */
  capacity(parameters: VolumeParameters, capabilities: readonly Capability[]): Promise<Capacity>;

  stage(request: StageRequest): Promise<void>;
  unstage(handle: string, stagingPath: string): Promise<void>;
  publish(request: PublishRequest): Promise<void>;
  unpublish(handle: string, targetPath: string): Promise<void>;
  /** The size in bytes that the volume has now. */
  expand(request: ExpandRequest): Promise<bigint>;
  stats(handle: string, volumePath: string): Promise<VolumeStats>;
  health(handle: string): Promise<readonly Health[]>;
  storageHealth(): Promise<readonly Health[]>;
  /** How many volumes the node can hold; 0 when nothing limits it or nothing is known yet. */
  maxVolumes(): number;
};

export type Readiness =
  | { readonly is: 'ready' }
  | { readonly is: 'starting'; readonly why: string }
  | { readonly is: 'failed'; readonly why: string };
