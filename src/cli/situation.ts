import type { DeviceWork } from '../host/device-work.ts';
import type { SliceNode } from '../model/disk.ts';
import type { VolumeRecord } from '../model/record.ts';
import type { PoolsContext } from '../pools/context.ts';
import type { Device } from '../pools/device.ts';
import type { Look, Looked } from '../pools/look.ts';
import type { MappingFinding } from '../pools/mapping.ts';
import type { ArrayPlan } from '../pools/plan-arrays.ts';
import type { SeenSlice } from '../volumes/reconcile.ts';

/** What the reading commands start from: disks and records as they are now. Nothing is written, no driver is asked. */
export type Situation = {
  readonly context: PoolsContext;
  readonly look: Look;
  /** As if nothing more were to come. */
  readonly arrays: ArrayPlan;
  /** In the order of their disks' names, `loop4` before `loop12`. */
  readonly owned: readonly OwnedDisk[];
  readonly records: readonly VolumeRecord[];
  readonly broken: readonly string[];
  /** What commands do to devices at this moment: a running driver's, for the most part. */
  readonly work: readonly DeviceWork[];
};

/** A disk of ours, and the slices that it bears. */
export type OwnedDisk = {
  readonly looked: Looked;
  readonly device: Device;
  readonly slices: readonly ShownSlice[];
  readonly mappings: readonly MappingFinding[];
  /** Why nobody can tell what it bears; then it shows no slices. */
  readonly unreadWhy: string | undefined;
};

/** `node` as the kernel shows it now, if it does. */
export type ShownSlice = SeenSlice & { readonly node: SliceNode | undefined };

/** An answer in both forms: lines for people, one value for machines. */
export type Report = { readonly lines: readonly string[]; readonly value: unknown };
