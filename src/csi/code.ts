import { status } from '@grpc/grpc-js';
import { DriverError, type ErrorKind } from '../model/errors.ts';

/** Which gRPC status each way of saying no becomes; docs/design.md law 6 says why `exhausted` matters most. */
export const GRPC_CODE = {
  'invalid-argument': status.INVALID_ARGUMENT,
  'out-of-range': status.OUT_OF_RANGE,
  exhausted: status.RESOURCE_EXHAUSTED,
  'not-found': status.NOT_FOUND,
  'exists-differently': status.ALREADY_EXISTS,
  busy: status.ABORTED,
  'in-use': status.FAILED_PRECONDITION,
  'not-staged': status.FAILED_PRECONDITION,
  unsupported: status.FAILED_PRECONDITION,
  'another-node': status.FAILED_PRECONDITION,
  'data-loss': status.FAILED_PRECONDITION,
  inaccessible: status.FAILED_PRECONDITION,
  unmountable: status.FAILED_PRECONDITION,
  'bad-token': status.ABORTED,
  'not-ready': status.UNAVAILABLE,
  unknown: status.UNAVAILABLE,
  'host-failed': status.INTERNAL,
  unimplemented: status.UNIMPLEMENTED,
  bug: status.INTERNAL,
} as const satisfies Record<ErrorKind, status>;

/** A call's refusal. `bug` is there when the fault is our own: its stack belongs into the log, not to the caller. */
export type Refusal = { readonly code: status; readonly message: string; readonly bug?: unknown };

const BUG_MESSAGE = 'internal error: a fault of the driver itself; its log has the details';

/** The status travels percent-encoded in one HTTP/2 header, whose room is bounded. */
const MESSAGE_CHARACTERS_MAX = 1024;

/**
 * What the caller is told about a failure. Nothing but the kind chooses the status: grpc-js would take any
 * integer `code` of an error for one, such as the exit code of a host command.
 */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof DriverError) || error.kind === 'bug') {
    return { code: status.INTERNAL, message: BUG_MESSAGE, bug: error };
  }
  return { code: GRPC_CODE[error.kind], message: sendable(error.message) || error.kind };
}

/** encodeURI, which grpc-js applies, throws on half a surrogate pair. */
function sendable(message: string): string {
  const short =
    message.length > MESSAGE_CHARACTERS_MAX ? `${message.slice(0, MESSAGE_CHARACTERS_MAX - 1)}…` : message;
  return short.toWellFormed();
}
