import { assert } from '../model/errors.ts';
import type { HostCommand } from './exec.ts';

/** Direct reads and writes, past the page cache: Node cannot align its buffers for O_DIRECT. */

const ALIGNMENT = 4096n;
/** A read answers through exec, whose output is bounded. */
const READ_BYTES_MAX = 1024 ** 2;

/** Exactly these bytes as the disk has them, on stdout; fewer only at the end of the device. */
export function readCommand(path: string, offsetBytes: bigint, lengthBytes: number): HostCommand {
  assertAligned(offsetBytes, BigInt(lengthBytes));
  assert(lengthBytes <= READ_BYTES_MAX, `a read of ${lengthBytes} bytes`);
  const where = [`skip=${offsetBytes}`, `count=${lengthBytes}`, 'bs=1M'];
  const flags = 'iflag=direct,fullblock,skip_bytes,count_bytes';
  return {
    command: 'dd',
    args: [`if=${path}`, flags, ...where, 'status=none'],
    timeoutMs: 20_000,
    device: path,
  };
}

/** On the disk when it ends: written directly, then flushed. */
export function writeCommand(path: string, offsetBytes: bigint, bytes: Uint8Array): HostCommand {
  assertAligned(offsetBytes, BigInt(bytes.length));
  return { ...writing(path, offsetBytes, 'iflag=fullblock', []), input: bytes, timeoutMs: 60_000 };
}

/** What others wrote past the page cache is on the disk when it ends. */
export function flushCommand(path: string): HostCommand {
  const args = ['if=/dev/null', `of=${path}`, 'conv=notrunc,fsync', 'status=none'];
  return { command: 'dd', args, timeoutMs: 60_000, device: path, effect: true };
}

/** Random bytes over a range. As with writeCommand(), they are on the disk when it ends. */
export function shredCommand(path: string, offsetBytes: bigint, lengthBytes: bigint): HostCommand {
  assertAligned(offsetBytes, lengthBytes);
  const source = ['if=/dev/urandom', `count=${lengthBytes}`];
  return { ...writing(path, offsetBytes, 'iflag=fullblock,count_bytes', source), timeoutMs: 24 * 3_600_000 };
}

function writing(path: string, offsetBytes: bigint, iflag: string, source: readonly string[]) {
  const target = [`of=${path}`, 'oflag=direct,seek_bytes', `seek=${offsetBytes}`, 'conv=notrunc,fsync'];
  return {
    command: 'dd',
    args: [...source, iflag, ...target, 'bs=1M', 'status=none'],
    device: path,
    effect: true,
  };
}

/** Fits every sector size up to 4 KiB. dd would write an odd tail through the page cache. */
function assertAligned(offsetBytes: bigint, lengthBytes: bigint): void {
  const aligned = offsetBytes % ALIGNMENT === 0n && lengthBytes % ALIGNMENT === 0n;
  assert(aligned, `direct I/O of ${lengthBytes} bytes at ${offsetBytes}: want multiples of ${ALIGNMENT}`);
}
