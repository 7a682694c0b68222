import type { ByteRange } from '../model/bytes.ts';
import type { HostCommand } from './exec.ts';

const TIMEOUT_MS = 30 * 60_000;

/** Tells the flash that nobody needs the bytes; what reads there afterwards is anybody's guess. Opens exclusively. */
export function discardCommand(path: string, range?: ByteRange): HostCommand {
  return command(path, rangeArgs(range));
}

/**
 * Makes the range read as zeros. Opens exclusively unless forced: on a whole disk that fails beside a mounted
 * partition, so force it there, for a range that is known to be ours alone.
 */
export function zeroCommand(
  path: string,
  range: ByteRange,
  options: { readonly force?: boolean } = {},
): HostCommand {
  return command(path, ['--zeroout', ...(options.force === true ? ['--force'] : []), ...rangeArgs(range)]);
}

function rangeArgs(range: ByteRange | undefined): readonly string[] {
  if (range === undefined) return [];
  return ['--offset', `${range.offsetBytes}`, '--length', `${range.lengthBytes}`];
}

function command(path: string, args: readonly string[]): HostCommand {
  return { command: 'blkdiscard', args: [...args, path], timeoutMs: TIMEOUT_MS, device: path, effect: true };
}
