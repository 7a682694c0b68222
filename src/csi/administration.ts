import { join } from 'node:path';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { DriverError } from '../model/errors.ts';
import type { Administration } from '../volumes/administration.ts';
import type { Readiness } from '../volumes/api.ts';
import { type Adapt, adapter, type CallListener } from './adapter.ts';
import { checkText, demandText } from './decode-field.ts';
import type { AdministrationHandlers } from './gen/instance_store_csi/administration/v1/Administration.ts';
import type { DiskRequest__Output } from './gen/instance_store_csi/administration/v1/DiskRequest.ts';
import type { DiskResponse } from './gen/instance_store_csi/administration/v1/DiskResponse.ts';
import type { Log } from './log.ts';
import { loadAdministration } from './proto.ts';
import { listen, type Serving } from './server.ts';
import { knock } from './socket.ts';

/** The driver's own service: a person's commands that write go through the driver that runs, as it is the one writer. */

type ServeOptions = {
  readonly stateDir: string;
  readonly administration: Administration;
  readonly ready: () => Readiness;
  readonly log: Log;
  readonly onCall: CallListener;
};

/** For the holder of the state directory's lock. @throws DriverError `invalid-argument`, `in-use`, `host-failed` */
export function serveAdministration(options: ServeOptions): Promise<Serving> {
  const { stateDir, administration, ready, log, onCall } = options;
  return listen(`unix://${socketIn(stateDir)}`, log, (server) =>
    server.addService(
      loadAdministration().Administration.service,
      handlers(adapter(log, ready, onCall), administration),
    ),
  );
}

function handlers(adapt: Adapt, { cordon, uncordon, release }: Administration): AdministrationHandlers {
  const of = (name: string, act: (disk: string) => Promise<string>) =>
    adapt<DiskRequest__Output, string, DiskResponse>({
      name,
      level: 'info',
      needs: 'disks',
      decode: ({ disk }) => demandText('disk', checkText('disk', disk), 'a disk'),
      run: async (disk) => ({ message: await act(disk) }),
    });
  return {
    Cordon: of('Cordon', cordon),
    Uncordon: of('Uncordon', uncordon),
    Release: of('Release', release),
  };
}

function socketIn(stateDir: string): string {
  return join(stateDir, 'driver.sock');
}

export type Order = { readonly verb: 'cordon' | 'uncordon' | 'release'; readonly disk: string };

/** Beyond a look at many slow disks. */
const TIMEOUT_MS = 10 * 60_000;

/**
 * Asks the driver that runs, and gives its answer, a sentence.
 * @throws DriverError `not-ready` (no driver runs), `invalid-argument`, `not-found`, else `host-failed`, in the driver's words
 */
export async function ask(stateDir: string, { verb, disk }: Order): Promise<string> {
  const path = socketIn(stateDir);
  const answer = await knock(path);
  if (answer !== 'connected')
    throw new DriverError(
      'not-ready',
      `${verb}: no driver listens at ${path} (${answer}). Only a driver that runs may do this: start it, or name its --state-dir`,
    );
  const { Administration } = loadAdministration();
  const client = new Administration(`unix://${path}`, credentials.createInsecure());
  const METHODS = { cordon: 'Cordon', uncordon: 'Uncordon', release: 'Release' } as const;
  try {
    return await new Promise((resolve, reject) => {
      const deadline = Date.now() + TIMEOUT_MS;
      client[METHODS[verb]]({ disk }, { deadline }, (error, response) =>
        error === null ? resolve(response?.message ?? '') : reject(refusedBy(error)),
      );
    });
  } finally {
    client.close();
  }
}

function refusedBy({ code, details }: ServiceError): DriverError {
  if (code === status.NOT_FOUND) return new DriverError('not-found', details);
  return new DriverError(code === status.INVALID_ARGUMENT ? 'invalid-argument' : 'host-failed', details);
}
