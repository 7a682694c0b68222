/**
 * Every way in which the driver says no: one closed union with a stable code each. The gRPC face turns a
 * kind into a status, the command line into an exit code and advice; docs/troubleshooting.md has an entry for each.
 */
export const ERROR_KINDS = [
  /** A field of the request is wrong on every node. */
  'invalid-argument',
  /** A size that no node could serve. */
  'out-of-range',
  /** This node cannot serve it now; another may. */
  'exhausted',
  'not-found',
  /** The same name or path is there with other properties. */
  'exists-differently',
  /** Another call works on the same volume; repeat. */
  'busy',
  /** Somebody still uses the slice. */
  'in-use',
  'not-staged',
  /** A capability that this volume or driver does not have. */
  'unsupported',
  /** A volume of another node. */
  'another-node',
  /** The volume's bytes are gone, and it is said aloud (law 3). */
  'data-loss',
  /** The volume's disk is away or does not answer; the bytes may be whole. */
  'inaccessible',
  /** A filesystem that is there and does not mount. */
  'unmountable',
  /** A page token of ListVolumes that we never gave. */
  'bad-token',
  /** Starting, waiting for the lock, or without the node's hostname. */
  'not-ready',
  /** Seen neither present nor absent (law 2). */
  'unknown',
  /** A command of the host failed. */
  'host-failed',
  'unimplemented',
  /** A broken assumption of our own. */
  'bug',
] as const;

export type ErrorKind = (typeof ERROR_KINDS)[number];

/** Reasons of volume health and data loss, CamelCase as CSI asks (VolumeHealth.reason). */
export type HealthReason =
  | 'FilesystemLost'
  | 'SliceLost'
  | 'DiskWiped'
  | 'DiskReplaced'
  | 'MemberMissing'
  | 'ArrayDegraded'
  | 'ArrayWaiting'
  | 'DiskAway'
  | 'DiskRefused'
  | 'DiskUnread'
  | 'DeviceNotAnswering'
  | 'HandleDoubled';

export class DriverError extends Error {
  readonly kind: ErrorKind;
  readonly reason: HealthReason | undefined;

  constructor(
    kind: ErrorKind,
    message: string,
    more: { readonly cause?: unknown; readonly reason?: HealthReason } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'DriverError';
    this.kind = kind;
    this.reason = more.reason;
  }
}

/** For the last branch of a switch over a closed union. */
export function assertNever(value: never, what: string): never {
  throw new DriverError('bug', `unexpected ${what}: ${JSON.stringify(value)}`);
}

/** Stops on a broken assumption of our own; never on anything that a user or a disk can cause. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new DriverError('bug', message);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
