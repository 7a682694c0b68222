import { DriverError } from '../model/errors.ts';
import type { Capability, CreateRequest, VolumeContext, VolumeParameters } from '../model/volume.ts';
import { decodeCapabilities, demandCapabilities, fsTypeOf } from './decode-capability.ts';
import { checkText, demandText, refuse, type StringMap } from './decode-field.ts';
import {
  decodeCapacityParameters,
  decodeClaim,
  decodeContext,
  decodeParameters,
} from './decode-parameters.ts';
import { decodeSize } from './decode-size.ts';
import type { CreateVolumeRequest__Output } from './gen/csi/v1/CreateVolumeRequest.ts';
import type { GetCapacityRequest__Output } from './gen/csi/v1/GetCapacityRequest.ts';
import type { ListVolumesRequest__Output } from './gen/csi/v1/ListVolumesRequest.ts';
import type { ValidateVolumeCapabilitiesRequest__Output } from './gen/csi/v1/ValidateVolumeCapabilitiesRequest.ts';
import type { VolumeCapability__Output } from './gen/csi/v1/VolumeCapability.ts';
import { parsePageToken } from './page.ts';

/** @throws DriverError `invalid-argument`, `out-of-range` */
export function decodeCreate(raw: CreateVolumeRequest__Output): CreateRequest {
  demandText('name', raw.name, 'a name');
  demandSome(raw.volume_capabilities);
  checkText('name', raw.name);
  if (raw.volume_content_source !== null) {
    refuse('volume_content_source', 'a source', 'none: this driver makes no snapshots and no clones');
  }
  const strange = mutableParametersRefusal(raw.mutable_parameters);
  if (strange !== undefined) throw new DriverError('invalid-argument', strange);
  const capabilities = demandCapabilities('volume_capabilities', raw.volume_capabilities);
  return {
    name: raw.name,
    size: decodeSize('capacity_range', raw.capacity_range),
    capabilities,
    parameters: decodeParameters(raw.parameters, fsTypeOf(capabilities)),
    claim: decodeClaim(raw.parameters),
  };
}

type ValidateRequest = {
  readonly handle: string;
  readonly capabilities: readonly Capability[];
  /** Why parts of the request cannot be served by any volume of ours. */
  readonly unsupported: readonly string[];
  readonly parameters: VolumeParameters;
  readonly context: VolumeContext;
};

/** @throws DriverError `invalid-argument` */
export function decodeValidate(raw: ValidateVolumeCapabilitiesRequest__Output): ValidateRequest {
  const handle = demandHandle(raw.volume_id);
  demandSome(raw.volume_capabilities);
  const { capabilities, unsupported } = decodeCapabilities('volume_capabilities', raw.volume_capabilities);
  const strange = mutableParametersRefusal(raw.mutable_parameters);
  return {
    handle,
    capabilities,
    unsupported: strange === undefined ? unsupported : [...unsupported, strange],
    parameters: decodeParameters(raw.parameters, fsTypeOf(capabilities)),
    context: decodeContext(raw.volume_context),
  };
}

type CapacityRequest = {
  readonly parameters: VolumeParameters;
  readonly capabilities: readonly Capability[];
  /** False when no volume here can have all the capabilities: that is capacity 0. */
  readonly possible: boolean;
};

export function decodeCapacity(raw: GetCapacityRequest__Output): CapacityRequest {
  const { capabilities, unsupported } = decodeCapabilities('volume_capabilities', raw.volume_capabilities);
  return {
    parameters: decodeCapacityParameters(raw.parameters),
    capabilities,
    possible: unsupported.length === 0,
  };
}

type ListRequest = { readonly after: string | undefined; readonly max: number };

/** `max` 0: all. @throws DriverError `invalid-argument`, `bad-token` */
export function decodeList(raw: ListVolumesRequest__Output): ListRequest {
  if (raw.max_entries < 0) refuse('max_entries', String(raw.max_entries), '0 (all) or more');
  return { after: parsePageToken(raw.starting_token), max: raw.max_entries };
}

/** A handle that nobody can have is an unknown one, never a malformed request: it is passed on as it is. */
export function demandHandle(handle: string): string {
  return demandText('volume_id', handle, 'the handle of a volume');
}

function demandSome(capabilities: readonly VolumeCapability__Output[]): void {
  if (capabilities.length === 0) refuse('volume_capabilities', 'nothing', 'at least one capability');
}

function mutableParametersRefusal(map: StringMap): string | undefined {
  const [key] = Object.keys(map);
  if (key === undefined) return undefined;
  return `mutable_parameters: found ${JSON.stringify(key.slice(0, 64))}, want none: volumes of this driver cannot be modified (no VolumeAttributesClass)`;
}
