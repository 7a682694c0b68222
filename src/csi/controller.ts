import type { handleUnaryCall } from '@grpc/grpc-js';
import { DriverError } from '../model/errors.ts';
import type { VolumeInfo } from '../model/volume.ts';
import type { Volumes } from '../volumes/api.ts';
import type { Adapt } from './adapter.ts';
import {
  decodeCapacity,
  decodeCreate,
  decodeList,
  decodeValidate,
  demandHandle,
} from './decode-controller.ts';
import type { ControllerHandlers } from './gen/csi/v1/Controller.ts';
import type { ControllerGetCapabilitiesResponse } from './gen/csi/v1/ControllerGetCapabilitiesResponse.ts';
import type { ControllerServiceCapability } from './gen/csi/v1/ControllerServiceCapability.ts';
import type { CreateVolumeResponse } from './gen/csi/v1/CreateVolumeResponse.ts';
import type { GetCapacityRequest__Output } from './gen/csi/v1/GetCapacityRequest.ts';
import type { GetCapacityResponse } from './gen/csi/v1/GetCapacityResponse.ts';
import type { ListVolumesResponse } from './gen/csi/v1/ListVolumesResponse.ts';
import type { ValidateVolumeCapabilitiesRequest__Output } from './gen/csi/v1/ValidateVolumeCapabilitiesRequest.ts';
import type { ValidateVolumeCapabilitiesResponse } from './gen/csi/v1/ValidateVolumeCapabilitiesResponse.ts';
import type { Volume } from './gen/csi/v1/Volume.ts';
import { pageOf } from './page.ts';
import { demandOwn, isOwn, type OwnTopology } from './topology.ts';

const CAPABILITIES: ControllerServiceCapability[] = [
  { rpc: { type: 'CREATE_DELETE_VOLUME' } },
  { rpc: { type: 'GET_CAPACITY' } },
  { rpc: { type: 'LIST_VOLUMES' } },
  { rpc: { type: 'SINGLE_NODE_MULTI_WRITER' } },
];

type Controller = { readonly volumes: Volumes; readonly topology: OwnTopology };

export function controllerService(adapt: Adapt, controller: Controller): ControllerHandlers {
  return {
    ...unimplementedMethods(adapt),
    ...volumeMethods(adapt, controller),
    ...askingMethods(adapt, controller),
  };
}

function volumeMethods(adapt: Adapt, { volumes, topology }: Controller) {
  return {
    CreateVolume: adapt({
      name: 'CreateVolume',
      level: 'info',
      needs: 'disks',
      decode: (raw) => ({ request: decodeCreate(raw), where: raw.accessibility_requirements }),
      run: async ({ request, where }): Promise<CreateVolumeResponse> => {
        const own = topology();
        demandOwn(where, own);
        return { volume: shown(await volumes.create(request), own) };
      },
    }),
    DeleteVolume: adapt({
      name: 'DeleteVolume',
      level: 'info',
      needs: 'disks',
      decode: (raw) => demandHandle(raw.volume_id),
      run: async (handle) => {
        await volumes.delete(handle);
        return {};
      },
    }),
  } satisfies Partial<ControllerHandlers>;
}

function askingMethods(adapt: Adapt, { volumes, topology }: Controller) {
  return {
    ValidateVolumeCapabilities: adapt({
      name: 'ValidateVolumeCapabilities',
      level: 'info',
      needs: 'disks',
      decode: (raw) => ({ raw, wanted: decodeValidate(raw) }),
      run: ({ raw, wanted }) => validated(volumes, raw, wanted),
    }),
    ListVolumes: adapt({
      name: 'ListVolumes',
      level: 'debug',
      needs: 'disks',
      decode: decodeList,
      run: async ({ after, max }): Promise<ListVolumesResponse> => {
        const own = topology();
        const { entries, nextToken } = pageOf(await volumes.list(), after, max);
        return { entries: entries.map((info) => ({ volume: shown(info, own) })), next_token: nextToken };
      },
    }),
    GetCapacity: adapt({
      name: 'GetCapacity',
      level: 'debug',
      needs: 'disks',
      decode: (raw) => ({ wanted: decodeCapacity(raw), where: raw.accessible_topology }),
      run: (asked) => capacity(volumes, topology, asked),
    }),
    ControllerGetCapabilities: adapt({
      name: 'ControllerGetCapabilities',
      level: 'debug',
      needs: 'nothing',
      decode: () => undefined,
      run: (): ControllerGetCapabilitiesResponse => ({ capabilities: CAPABILITIES }),
    }),
  } satisfies Partial<ControllerHandlers>;
}

function shown({ handle, sizeBytes, context }: VolumeInfo, own: Readonly<Record<string, string>>): Volume {
  return {
    volume_id: handle,
    capacity_bytes: sizeBytes.toString(),
    volume_context: { ...context },
    accessible_topology: [{ segments: { ...own } }],
  };
}

/** The volume is looked up first: an unknown one is NOT_FOUND, whatever else is wrong. */
async function validated(
  volumes: Volumes,
  raw: ValidateVolumeCapabilitiesRequest__Output,
  { handle, capabilities, parameters, context, unsupported }: ReturnType<typeof decodeValidate>,
): Promise<ValidateVolumeCapabilitiesResponse> {
  const why = await volumes.validate(handle, capabilities, parameters, context);
  const message = unsupported[0] ?? why;
  if (message !== undefined) return { message };
  const { volume_context, volume_capabilities, parameters: asked } = raw;
  return { confirmed: { volume_context, volume_capabilities, parameters: asked } };
}

async function capacity(
  volumes: Volumes,
  topology: OwnTopology,
  {
    wanted,
    where,
  }: { wanted: ReturnType<typeof decodeCapacity>; where: GetCapacityRequest__Output['accessible_topology'] },
): Promise<GetCapacityResponse> {
  const own = topology();
  const here = wanted.possible && (where === null || isOwn(where, own));
  if (!here) return { available_capacity: '0', maximum_volume_size: { value: '0' } };
  const { availableBytes, maximumVolumeBytes } = await volumes.capacity(
    wanted.parameters,
    wanted.capabilities,
  );
  return {
    available_capacity: availableBytes.toString(),
    maximum_volume_size: { value: maximumVolumeBytes.toString() },
  };
}

/** What is not advertised. It is here, and not left to grpc-js, so that a call of it shows in the log. */
function unimplementedMethods(adapt: Adapt) {
  const refuse = <Request extends object, Response>(
    name: string,
    why: string,
  ): handleUnaryCall<Request, Response> =>
    adapt<Request, undefined, Response>({
      name,
      level: 'info',
      needs: 'nothing',
      decode: () => undefined,
      run: () => {
        throw new DriverError('unimplemented', `${name} is not implemented: ${why}`);
      },
    });
  const snapshots = 'this driver makes no snapshots';
  const attaching = 'a local disk needs no attaching';
  const health = 'only the node knows the health of its volumes: NodeGetVolumeHealth';
  return {
    ControllerPublishVolume: refuse('ControllerPublishVolume', attaching),
    ControllerUnpublishVolume: refuse('ControllerUnpublishVolume', attaching),
    ControllerExpandVolume: refuse('ControllerExpandVolume', 'volumes grow on their node: NodeExpandVolume'),
    ControllerModifyVolume: refuse('ControllerModifyVolume', 'volumes of this driver cannot be modified'),
    ControllerGetVolume: refuse('ControllerGetVolume', 'ListVolumes shows the volumes of this node'),
    ControllerGetVolumeHealth: refuse('ControllerGetVolumeHealth', health),
    ControllerListVolumeHealth: refuse('ControllerListVolumeHealth', health),
    CreateSnapshot: refuse('CreateSnapshot', snapshots),
    DeleteSnapshot: refuse('DeleteSnapshot', snapshots),
    GetSnapshot: refuse('GetSnapshot', snapshots),
    ListSnapshots: refuse('ListSnapshots', snapshots),
  } satisfies Partial<ControllerHandlers>;
}
