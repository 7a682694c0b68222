import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { errnoOf } from '../host/errno.ts';
import { DriverError, messageOf } from '../model/errors.ts';

/** sun_path of unix(7) holds 108 bytes with the closing zero. */
const PATH_BYTES_MAX = 107;
const CONNECT_TIMEOUT_MS = 1_000;

/** The path in `unix:///absolute/path`, the only kind of endpoint. @throws DriverError `invalid-argument` */
export function socketPath(endpoint: string): string {
  const path = /^unix:\/\/(\/.+)$/.exec(endpoint)?.[1];
  if (path === undefined || /\p{Cc}|\/$/u.test(path)) {
    throw new DriverError(
      'invalid-argument',
      `endpoint: found ${JSON.stringify(endpoint)}, want unix:///absolute/path`,
    );
  }
  const bytes = Buffer.byteLength(path);
  if (bytes > PATH_BYTES_MAX) {
    throw new DriverError(
      'invalid-argument',
      `endpoint: found a path of ${bytes} bytes (${path}), want at most ${PATH_BYTES_MAX} (unix(7))`,
    );
  }
  return path;
}

/**
 * Makes room for a socket at `path`. Only a socket that nobody listens on any more is removed: a driver killed
 * by SIGKILL leaves one, while a live one belongs to a driver that works.
 * @throws DriverError `in-use` for a live socket and for anything that is no socket
 */
export async function clearStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => absent(error));
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new DriverError(
      'in-use',
      `endpoint: found something at ${path} that is no socket, want a free path: remove it or choose another`,
    );
  }
  const answer = await knock(path);
  if (answer === 'ENOENT') return;
  if (answer !== 'ECONNREFUSED') {
    throw new DriverError(
      'in-use',
      `endpoint: found a live socket at ${path} (${answer}), want a free path: is another driver running?`,
    );
  }
  await unlink(path);
}

function absent(error: unknown): undefined {
  if (errnoOf(error) === 'ENOENT') return undefined;
  throw new DriverError('host-failed', `endpoint: cannot look at the path: ${messageOf(error)}`, {
    cause: error,
  });
}

/** What happens when one connects: `connected`, `no answer in time`, or the error's code. */
export function knock(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answer: string): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => end('no answer in time'));
    socket.once('connect', () => end('connected'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
