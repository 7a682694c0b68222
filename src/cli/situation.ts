import type { DeviceWork } from '../host/device-work.ts';
import type { VolumeRecord } from '../model/record.ts';
import type { PoolsContext } from '../pools/context.ts';
import type { Look } from '../pools/look.ts';

/** What the reading commands start from: disks and records as they are now. Nothing is written, no driver is asked. */
export type Situation = {
  readonly context: PoolsContext;
  readonly look: Look;
  readonly records: readonly VolumeRecord[];
  readonly broken: readonly string[];
  /** What commands do to devices at this moment: a running driver's, for the most part. */
  readonly work: readonly DeviceWork[];
};

/** An answer in both forms: lines for people, one value for machines. */
export type Report = { readonly lines: readonly string[]; readonly value: unknown };
