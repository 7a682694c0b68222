import type { Answer } from '../model/answer.ts';
import { type Inquiry, inquired, ORPHAN_AGE_MS, type OrphanPolicy } from '../model/orphan.ts';
import type { Uuid } from '../model/uuid.ts';
import { nameOf, type Placed } from '../pools/device.ts';
import type { VolumesContext } from './context.ts';

/**
 * Whether the cluster has a PersistentVolume of this volume: absent only when no one bears the handle, whatever it is
 * called. `name` is what CreateVolume was told, which the provisioner gives the PersistentVolume too.
 */
export type FindPersistentVolume = (handle: Uuid, name: string | undefined) => Promise<Answer<unknown>>;

/** Looks for orphans among the volumes whose slice is here. */
export class Orphans {
  readonly #context: VolumesContext;
  readonly #inquiries = new Map<Uuid, Inquiry>();

  constructor(context: VolumesContext) {
    this.#context = context;
  }

  /** The slices of those that are known now. */
  placed(): readonly Placed[] {
    return this.#volumes().filter(({ slice }) => this.#inquiries.get(slice.id)?.is === 'orphan');
  }

  /** CreateVolume asked for it: somebody means to write its PersistentVolume. */
  forget(handle: Uuid): void {
    this.#inquiries.delete(handle);
  }

  /**
   * Asks for those volumes whose time has come, one after the other.
   * @returns the orphans that may be deleted: by the policy, and never staged, so that nobody's bytes are on them
   */
  async look(find: FindPersistentVolume, policy: OrphanPolicy, nowMs: number): Promise<readonly Uuid[]> {
    const deletable: Uuid[] = [];
    this.#forgetGone();
    for (const placed of this.#volumes()) {
      const handle = placed.slice.id;
      const before = this.#inquiries.get(handle);
      if (before !== undefined && before.askAtMs > nowMs) continue;
      const answer = await find(handle, this.#context.records.get(handle)?.name);
      if (this.#inquiries.get(handle) !== before) continue;
      const after = inquired(before, answer, nowMs);
      this.#inquiries.set(handle, after);
      // The cluster is silent: the others are asked for another time.
      if (answer.is === 'unknown') break;
      if (after.is !== 'orphan') continue;
      const isDeletable = policy === 'delete' && placed.slice.state === 'carved';
      if (before?.is !== 'orphan') this.#tell(placed, isDeletable);
      if (isDeletable) deletable.push(handle);
    }
    return deletable;
  }

  #forgetGone(): void {
    const here = new Set(this.#volumes().map(({ slice }) => slice.id));
    for (const handle of this.#inquiries.keys()) if (!here.has(handle)) this.#inquiries.delete(handle);
  }

  /** Those that were answered, and long enough ago. A slice without a record is old: its record was lost. */
  #volumes(): readonly Placed[] {
    const { pools, records } = this.#context;
    return pools.placed().filter(({ slice }) => {
      const record = records.get(slice.id);
      if (slice.state === 'quarantine') return false;
      if (record === undefined) return true;
      return record.state === 'committed' && Date.now() - Date.parse(record.createdAt) >= ORPHAN_AGE_MS;
    });
  }

  #tell({ device, slice }: Placed, isDeletable: boolean): void {
    this.#context.notify({
      notice: 'orphan',
      handle: slice.id,
      name: this.#context.records.get(slice.id)?.name,
      ...nameOf(device),
      sizeBytes: slice.sizeBytes,
      wasStaged: slice.state === 'prepared',
      isDeletable,
    });
  }
}
