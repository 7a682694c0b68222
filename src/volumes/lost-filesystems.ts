import { DriverError } from '../model/errors.ts';
import { parseUuid, type Uuid } from '../model/uuid.ts';
import type { Health } from '../model/volume.ts';
import type { VolumesContext } from './context.ts';

/**
 * Volumes whose filesystem is gone from a slice that is whole. A look at the disks does not see that, only a call that
 * reads the slice: it is told once, and remembered until a call finds the filesystem or the volume is deleted.
 */
export class LostFilesystems {
  private readonly context: VolumesContext;
  private readonly conditions = new Map<Uuid, Health>();

  constructor(context: VolumesContext) {
    this.context = context;
  }

  of(handle: Uuid): Health | undefined {
    return this.conditions.get(handle);
  }

  /** What a call found to be wrong with the volume; nothing = it is well, or gone. */
  note(handleText: string, found: readonly Health[]): void {
    const handle = parseUuid(handleText);
    if (handle === undefined) return;
    if (found.length === 0) this.conditions.delete(handle);
    const lost = found.find(({ reason }) => reason === 'FilesystemLost');
    if (lost === undefined) return;
    const { reason, message } = lost;
    const claim = this.context.records.get(handle)?.claim;
    if (!this.conditions.has(handle))
      this.context.notify({ notice: 'data-loss', handle, claim, reason, message });
    this.conditions.set(handle, lost);
  }

  /** Runs what reads the slice, and notes how that ended. */
  async watch(handle: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.note(handle, []);
    } catch (error) {
      if (error instanceof DriverError && error.reason === 'FilesystemLost')
        this.note(handle, [{ status: 'DATA_LOSS', reason: error.reason, message: error.message }]);
      throw error;
    }
  }
}
