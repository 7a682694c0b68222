import { checkPath } from '../host/paths.ts';
import { DriverError } from '../model/errors.ts';
import type { ExpandRequest, PublishRequest, StageRequest } from '../model/volume.ts';
import { demandCapability } from './decode-capability.ts';
import { demandHandle } from './decode-controller.ts';
import { demandText, refuse } from './decode-field.ts';
import { decodeContext } from './decode-parameters.ts';
import { decodeSize } from './decode-size.ts';
import type { NodeExpandVolumeRequest__Output } from './gen/csi/v1/NodeExpandVolumeRequest.ts';
import type { NodePublishVolumeRequest__Output } from './gen/csi/v1/NodePublishVolumeRequest.ts';
import type { NodeStageVolumeRequest__Output } from './gen/csi/v1/NodeStageVolumeRequest.ts';
import type { VolumeCapability__Output } from './gen/csi/v1/VolumeCapability.ts';

/** @throws DriverError `invalid-argument`, `unsupported` */
export function decodeStage(raw: NodeStageVolumeRequest__Output): StageRequest {
  const handle = demandHandle(raw.volume_id);
  demandPath('staging_target_path', raw.staging_target_path);
  const capability = demandPresent(raw.volume_capability);
  checkPath('staging_target_path', raw.staging_target_path);
  return {
    handle,
    stagingPath: raw.staging_target_path,
    capability: demandCapability('volume_capability', capability),
    context: decodeContext(raw.volume_context),
  };
}

/** @throws DriverError `invalid-argument`, `unsupported`, `not-staged` */
export function decodePublish(raw: NodePublishVolumeRequest__Output): PublishRequest {
  const handle = demandHandle(raw.volume_id);
  demandPath('target_path', raw.target_path);
  const capability = demandPresent(raw.volume_capability);
  demandStaged(raw.staging_target_path);
  checkPath('target_path', raw.target_path);
  checkPath('staging_target_path', raw.staging_target_path);
  return {
    handle,
    stagingPath: raw.staging_target_path,
    targetPath: raw.target_path,
    capability: demandCapability('volume_capability', capability),
    readOnly: raw.readonly,
    context: decodeContext(raw.volume_context),
  };
}

type Place = { readonly handle: string; readonly path: string };

/** Where a volume is to be taken away from. @throws DriverError `invalid-argument` */
export function decodePlace(raw: { readonly volume_id: string }, field: string, path: string): Place {
  const handle = demandHandle(raw.volume_id);
  demandPath(field, path);
  checkPath(field, path);
  return { handle, path };
}

/**
 * Where a volume is looked for. A path that cannot be one, relative or with `..`, is a path where the volume is
 * not, and NOT_FOUND is the volumes' answer to that: csi-sanity asks for `some/path`.
 */
export function decodeLooked(raw: { readonly volume_id: string; readonly volume_path: string }): Place {
  return { handle: demandHandle(raw.volume_id), path: demandPath('volume_path', raw.volume_path) };
}

/** The capability is not asked for: what is at the path shows what the volume is. */
export function decodeExpand(raw: NodeExpandVolumeRequest__Output): ExpandRequest {
  const { handle, path } = decodeLooked(raw);
  return { handle, volumePath: path, size: decodeSize('capacity_range', raw.capacity_range) };
}

function demandPath(field: string, path: string): string {
  return demandText(field, path, 'an absolute path');
}

function demandPresent(capability: VolumeCapability__Output | null): VolumeCapability__Output {
  return capability ?? refuse('volume_capability', 'nothing', 'a capability');
}

function demandStaged(stagingPath: string): void {
  if (stagingPath !== '') return;
  throw new DriverError(
    'not-staged',
    'staging_target_path: found nothing, want the path at which NodeStageVolume staged the volume',
  );
}
