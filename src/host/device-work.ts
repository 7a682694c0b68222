import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';

/**
 * What somebody's blkdiscard or dd does to a device at this moment. `atBytes` is where on the device the command
 * began: of a device that is worked through in pieces, all before it is done.
 */
export type DeviceWork = {
  readonly path: string;
  readonly does: 'discarding' | 'zeroing' | 'writing';
  readonly atBytes: bigint;
};

/** Of every process of this PID namespace. Read off the command lines: nothing is asked, nothing need be written down. */
export async function readDeviceWork(proc = '/proc'): Promise<readonly DeviceWork[]> {
  const pids = (await readdir(proc)).filter((name) => /^[0-9]+$/.test(name));
  // A process may end at any moment, and then does nothing.
  const lines = await Promise.all(
    pids.map((pid) => readFile(`${proc}/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.flatMap((line) => workOf(line.split('\0').slice(0, -1)) ?? []);
}

export function workOf([program = '', ...args]: readonly string[]): DeviceWork | undefined {
  switch (basename(program)) {
    case 'blkdiscard': {
      const does = args.includes('--zeroout') ? 'zeroing' : 'discarding';
      return work(args.at(-1), does, args[args.indexOf('--offset') + 1]);
    }
    case 'dd':
      return work(operand(args, 'of'), 'writing', operand(args, 'seek'));
    default:
      return undefined;
  }
}

function operand(args: readonly string[], name: string): string | undefined {
  return args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** As our own commands are written; a place in other units than bytes is none. */
function work(path: string | undefined, does: DeviceWork['does'], at = ''): DeviceWork | undefined {
  return path === undefined ? undefined : { path, does, atBytes: /^[0-9]+$/.test(at) ? BigInt(at) : 0n };
}
