import { DriverError } from '../../../src/model/errors.ts';
import { handleFor } from '../../../src/model/uuid.ts';
import type { VolumeInfo } from '../../../src/model/volume.ts';
import type { Volumes } from '../../../src/volumes/api.ts';

export const MARK = '6fb9c2a4-4e0c-4d55-9a49-3f2b8c1d7e10';

export type Seen = { readonly call: string; readonly with: unknown };

/**
 * Volumes in memory. A mock, because what is tested here is the face alone: the real ones answer only what their
 * disks let them, and a face must be shown every answer, at every moment, in every kind. `instead` replaces calls.
 */
export function volumesInMemory(instead: Partial<Volumes>, seen: Seen[] = []): Volumes {
  const all = new Map<string, VolumeInfo>();
  const find = (handle: string): VolumeInfo => {
    const found = all.get(handle);
    if (found === undefined) throw new DriverError('not-found', `no volume ${handle.slice(0, 40)}`);
    return found;
  };
  const note = (call: string, request: unknown): void => void seen.push({ call, with: request });
  return {
    ready: () => ({ is: 'ready' }),
    create: async (request) => {
      note('create', request);
      const handle = handleFor('driver', 'node', request.name);
      const context = { pool: 'fast', mark: MARK, machine: 'machine-1' };
      const info = { handle, sizeBytes: request.size.requiredBytes ?? 1024n ** 3n, context };
      all.set(handle, info);
      return info;
    },
    delete: async (handle) => void all.delete(handle),
    validate: async (handle) => void find(handle),
    list: async () => [...all.values()].toSorted((a, b) => (a.handle < b.handle ? -1 : 1)),
    capacity: async () => ({ availableBytes: 2n ** 53n + 1n, maximumVolumeBytes: 7n }),
    stage: async (request) => note('stage', find(request.handle) && request),
    unstage: async (handle, path) => note('unstage', { handle, path }),
    publish: async (request) => note('publish', find(request.handle) && request),
    unpublish: async (handle, path) => note('unpublish', { handle, path }),
    expand: async ({ handle, size }) => size.requiredBytes ?? find(handle).sizeBytes,
    stats: async (handle) => ({ type: 'block', totalBytes: find(handle).sizeBytes }),
    health: async (handle) => find(handle) && [],
    storageHealth: async () => [],
    maxVolumes: () => 7,
    ...instead,
  };
}
