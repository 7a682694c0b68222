import { createConnection } from 'node:net';

/** Ties the terminal of this process to a socket, key by key, until it is disposed of. */
export function attachTerminal(path: string): Disposable {
  const { stdin, stdout } = process;
  const socket = createConnection(path);
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.pipe(socket);
  socket.pipe(stdout);
  return {
    [Symbol.dispose]() {
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.unpipe(socket).pause();
      socket.destroy();
    },
  };
}
