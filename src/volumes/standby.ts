import { DriverError } from '../model/errors.ts';
import type { Volumes } from './api.ts';

/** What is served until the disks are ours to work on: Probe says not ready, every other call comes again later. */
export type Standby = {
  readonly volumes: Volumes;
  /** Why it is not ready yet, for Probe. */
  waitFor(why: string): void;
  serve(volumes: Volumes): void;
};

export function createStandby(): Standby {
  let current: Volumes | undefined;
  let why = 'starting';
  const served = async (): Promise<Volumes> => {
    if (current !== undefined) return current;
    throw new DriverError('not-ready', `Not ready: ${why}`);
  };
  return {
    waitFor(what) {
      why = what;
    },
    serve(volumes) {
      current = volumes;
    },
    volumes: {
      ready: () => current?.ready() ?? { is: 'starting', why },
      create: async (request) => (await served()).create(request),
      delete: async (handle) => (await served()).delete(handle),
      validate: async (...request) => (await served()).validate(...request),
      list: async () => (await served()).list(),
      capacity: async (...request) => (await served()).capacity(...request),
      stage: async (request) => (await served()).stage(request),
      unstage: async (...request) => (await served()).unstage(...request),
      publish: async (request) => (await served()).publish(request),
      unpublish: async (...request) => (await served()).unpublish(...request),
      expand: async (request) => (await served()).expand(request),
      stats: async (...request) => (await served()).stats(...request),
      health: async (handle) => (await served()).health(handle),
      storageHealth: async () => (await served()).storageHealth(),
      maxVolumes: () => current?.maxVolumes() ?? 0,
    },
  };
}
