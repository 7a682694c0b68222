import type { CapacityRange__Output } from '../../../src/csi/gen/csi/v1/CapacityRange.ts';
import type { CreateVolumeRequest__Output } from '../../../src/csi/gen/csi/v1/CreateVolumeRequest.ts';
import type { NodePublishVolumeRequest__Output } from '../../../src/csi/gen/csi/v1/NodePublishVolumeRequest.ts';
import type { NodeStageVolumeRequest__Output } from '../../../src/csi/gen/csi/v1/NodeStageVolumeRequest.ts';
import type { ValidateVolumeCapabilitiesRequest__Output } from '../../../src/csi/gen/csi/v1/ValidateVolumeCapabilitiesRequest.ts';
import type {
  _csi_v1_VolumeCapability_AccessMode_Mode__Output as Mode,
  _csi_v1_VolumeCapability_MountVolume__Output as Mount,
  VolumeCapability__Output,
} from '../../../src/csi/gen/csi/v1/VolumeCapability.ts';

/** Requests as proto-loader hands them over: good ones, for tests to spoil one field at a time. */

export const HANDLE = '0123abcd-4567-89ab-8def-0123456789ab';
export const MARK = '6fb9c2a4-4e0c-4d55-9a49-3f2b8c1d7e10';

export function mount(
  more: Partial<Mount> = {},
  mode: Mode = 'SINGLE_NODE_WRITER',
): VolumeCapability__Output {
  return {
    access_type: 'mount',
    mount: { fs_type: '', mount_flags: [], volume_mount_group: '', ...more },
    access_mode: { mode },
  };
}

export function block(mode: Mode = 'SINGLE_NODE_WRITER'): VolumeCapability__Output {
  return { access_type: 'block', block: {}, access_mode: { mode } };
}

export function range(required: string, limit = '0'): CapacityRange__Output {
  return { required_bytes: required, limit_bytes: limit };
}

export function create(more: Partial<CreateVolumeRequest__Output> = {}): CreateVolumeRequest__Output {
  return {
    name: 'pvc-1',
    capacity_range: range('1073741824'),
    volume_capabilities: [mount()],
    parameters: {},
    secrets: {},
    volume_content_source: null,
    accessibility_requirements: null,
    mutable_parameters: {},
    ...more,
  };
}

export function validate(
  more: Partial<ValidateVolumeCapabilitiesRequest__Output> = {},
): ValidateVolumeCapabilitiesRequest__Output {
  return {
    volume_id: HANDLE,
    volume_context: {},
    volume_capabilities: [mount()],
    parameters: {},
    secrets: {},
    mutable_parameters: {},
    ...more,
  };
}

export function stage(more: Partial<NodeStageVolumeRequest__Output> = {}): NodeStageVolumeRequest__Output {
  return {
    volume_id: HANDLE,
    publish_context: {},
    staging_target_path: '/var/lib/kubelet/staging',
    volume_capability: mount(),
    secrets: {},
    volume_context: { pool: 'fast', mark: MARK, machine: 'i-0123' },
    ...more,
  };
}

export function publish(
  more: Partial<NodePublishVolumeRequest__Output> = {},
): NodePublishVolumeRequest__Output {
  return { ...stage(), target_path: '/var/lib/kubelet/target', readonly: false, ...more };
}
