import { DriverError } from '../model/errors.ts';
import type { Readiness } from '../volumes/api.ts';
import type { Adapt } from './adapter.ts';
import type { GetPluginCapabilitiesResponse } from './gen/csi/v1/GetPluginCapabilitiesResponse.ts';
import type { GetPluginInfoResponse } from './gen/csi/v1/GetPluginInfoResponse.ts';
import type { IdentityHandlers } from './gen/csi/v1/Identity.ts';
import type { PluginCapability } from './gen/csi/v1/PluginCapability.ts';
import type { ProbeResponse } from './gen/csi/v1/ProbeResponse.ts';

const CAPABILITIES: PluginCapability[] = [
  { service: { type: 'CONTROLLER_SERVICE' } },
  { service: { type: 'VOLUME_ACCESSIBILITY_CONSTRAINTS' } },
  { volume_expansion: { type: 'ONLINE' } },
];

type Identity = { readonly driverName: string; readonly version: string; readonly ready: () => Readiness };

export function identityService(adapt: Adapt, { driverName, version, ready }: Identity): IdentityHandlers {
  const chatty = { level: 'debug', needs: 'nothing', decode: () => undefined } as const;
  return {
    GetPluginInfo: adapt({
      ...chatty,
      name: 'GetPluginInfo',
      run: (): GetPluginInfoResponse => ({ name: driverName, vendor_version: version }),
    }),
    GetPluginCapabilities: adapt({
      ...chatty,
      name: 'GetPluginCapabilities',
      run: (): GetPluginCapabilitiesResponse => ({ capabilities: CAPABILITIES }),
    }),
    Probe: adapt({ ...chatty, name: 'Probe', run: () => probe(ready()) }),
  };
}

/** Starting is no fault: the sidecars wait for `ready`. A dependency that is broken is FAILED_PRECONDITION. */
function probe(readiness: Readiness): ProbeResponse {
  if (readiness.is === 'failed')
    throw new DriverError('unsupported', `the driver cannot work: ${readiness.why}`);
  return { ready: { value: readiness.is === 'ready' } };
}
