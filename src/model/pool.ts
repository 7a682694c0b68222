import type { OrphanPolicy } from './orphan.ts';

/** The configuration, decoded. See docs/operations.md for the file. */

export const CARVINGS = ['whole', 'partition', 'lvm'] as const;
export type Carving = (typeof CARVINGS)[number];
export const RAID_LEVELS = ['raid0', 'raid1', 'raid10'] as const;
export type RaidLevel = (typeof RAID_LEVELS)[number];

/** How several disks become one device (Linux md). */
export type Raid = {
  readonly level: RaidLevel;
  /** How many disks one array has; undefined: all that are there when nothing new came for `settleMs`. */
  readonly count: number | undefined;
  /** How long a disk that is late is waited for. */
  readonly settleMs: number;
  /** What lies on one disk before the next one's turn; 0 for raid1, which has no stripes. */
  readonly chunkBytes: bigint;
};
export type Sanitize =
  | { readonly method: 'discard' }
  | { readonly method: 'zero' }
  | { readonly method: 'none' }
  | { readonly method: 'shred'; readonly passes: number };

/** One line of `match`: every key that is given must match. Values are globs (`*`, `?`), compared without case. */
export type DiskMatch = {
  readonly preset?: 'instance-store';
  readonly model?: string;
  readonly serial?: string;
  readonly path?: string;
  readonly byId?: string;
  readonly transport?: string;
};

/** Permission to erase exactly one disk, exactly as it was found. */
type EraseAndTake = { readonly disk: string; readonly found: string };

export type Pool = {
  readonly name: string;
  readonly match: readonly DiskMatch[];
  readonly minSizeBytes: bigint;
  readonly eraseAndTake: readonly EraseAndTake[];
  readonly array: 'none' | Raid;
  readonly carving: Carving;
  readonly sanitize: Sanitize;
  /** At most so much of a slice a second, on each device. */
  readonly sanitizeBytesPerSecond: bigint | undefined;
};

export type Configuration = { readonly pools: readonly Pool[]; readonly orphans: OrphanPolicy };

/** Smaller disks are seldom what a pool is meant for. */
export const DEFAULT_MIN_SIZE_BYTES = 10n * 1024n ** 3n;

/** mdadm's own; a disk that is late is one that a bus found late, or that was attached a moment after the node came up. */
export const DEFAULT_CHUNK_BYTES = 512n * 1024n;
export const DEFAULT_SETTLE_MS = 60_000;

/** With no file: every local disk of a known cloud, carved in partitions. */
export const DEFAULT_CONFIGURATION: Configuration = {
  orphans: 'report',
  pools: [
    {
      name: 'instance-store',
      match: [{ preset: 'instance-store' }],
      minSizeBytes: DEFAULT_MIN_SIZE_BYTES,
      eraseAndTake: [],
      array: 'none',
      carving: 'partition',
      sanitize: { method: 'discard' },
      sanitizeBytesPerSecond: undefined,
    },
  ],
};

/** Who we are: what marks are compared with. */
export type Self = { readonly driver: string; readonly node: string; readonly machine: string };

export const DRIVER_NAME = 'instance-store.csi.dev';
