import { adapter, type CallListener } from './adapter.ts';
import type { ControllerGetCapabilitiesResponse } from './gen/csi/v1/ControllerGetCapabilitiesResponse.ts';
import type { NodeGetCapabilitiesResponse } from './gen/csi/v1/NodeGetCapabilitiesResponse.ts';
import { identityService } from './identity.ts';
import type { Log } from './log.ts';
import { loadCsi } from './proto.ts';
import { listen, type Serving } from './server.ts';

type ExpansionOptions = {
  /** `unix:///absolute/path`. */
  readonly endpoint: string;
  readonly log: Log;
  readonly onCall: CallListener;
  readonly driverName: string;
  readonly version: string;
};

/**
 * What external-resizer asks of a driver whose volumes grow on their nodes: Identity, a controller that cannot expand,
 * and nodes that can. It then moves the size in the PV and leaves the rest to the kubelet of the volume's node
 * (external-resizer v2.2.1: pkg/resizer/csi_resizer.go, trivial_resizer.go).
 * @throws DriverError `invalid-argument`, `in-use`, `host-failed`
 */
export function serveExpansion({ endpoint, log, onCall, ...identity }: ExpansionOptions): Promise<Serving> {
  const ready = () => ({ is: 'ready' }) as const;
  const adapt = adapter(log, ready, onCall);
  const chatty = { level: 'debug', needs: 'nothing', decode: () => undefined } as const;
  const csi = loadCsi();
  return listen(endpoint, log, (server) => {
    server.addService(csi.Identity.service, identityService(adapt, { ...identity, ready }));
    server.addService(csi.Controller.service, {
      ControllerGetCapabilities: adapt({
        ...chatty,
        name: 'ControllerGetCapabilities',
        run: (): ControllerGetCapabilitiesResponse => ({ capabilities: [] }),
      }),
    });
    server.addService(csi.Node.service, {
      NodeGetCapabilities: adapt({
        ...chatty,
        name: 'NodeGetCapabilities',
        run: (): NodeGetCapabilitiesResponse => ({ capabilities: [{ rpc: { type: 'EXPAND_VOLUME' } }] }),
      }),
    });
  });
}
