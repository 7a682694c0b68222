import type { Exec } from '../host/exec.ts';
import type { Notify } from '../model/notice.ts';
import type { Configuration, Self } from '../model/pool.ts';
import type { CordonFile, KnownCordons } from './cordons.ts';

/** What every part of this room is given: who we are, what is wanted, how to run a command, whom to tell. */
export type PoolsContext = {
  readonly exec: Exec;
  readonly self: Self;
  readonly configuration: Configuration;
  readonly cordons: KnownCordons;
  readonly notify: Notify;
};

/** And what only the driver may do: it is the one writer. */
export type DriverContext = PoolsContext & { readonly cordons: CordonFile };
