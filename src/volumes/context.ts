import type { Crashpoints } from '../host/crashpoint.ts';
import type { Exec } from '../host/exec.ts';
import type { Notify } from '../model/notice.ts';
import type { Self } from '../model/pool.ts';
import type { Pools } from '../pools/pools.ts';
import type { Records } from './records.ts';

/** What every part of this room is given. */
export type VolumesContext = {
  readonly self: Self;
  readonly exec: Exec;
  readonly crashpoints: Crashpoints;
  readonly pools: Pools;
  readonly records: Records;
  readonly notify: Notify;
  /** `uname -r`: mkfs makes what this kernel can mount. */
  readonly kernel: string;
};
