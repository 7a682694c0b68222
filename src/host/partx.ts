import { DriverError } from '../model/errors.ts';
import type { Exec, HostCommand } from './exec.ts';

/** The kernel's partitions, one at a time: the neighbours may be mounted. The table on the disk is not touched. */

const TIMEOUT_MS = 60_000;
/** The kernel's partition calls count these whatever the disk's sectors are. */
const UNIT_BYTES = 512n;

/**
 * Exit code 1 also when the kernel has the partition already, at whatever place, and 0 also when the table has none of
 * that number: compare /sys with the table afterwards.
 */
export function addPartitionCommand(path: string, number: number): HostCommand {
  return { ...command('partx', ['--add', '--nr', `${number}`, path], path), okCodes: [0, 1] };
}

/**
 * The kernel's size of partition `number`; also while it is mounted. resizepart, not `partx --update`: that one removes
 * and adds a partition that nobody has open, which gets another device number, and the nodes that were bound for pods
 * show nothing, or later somebody else's partition.
 */
export function resizePartitionCommand(path: string, number: number, sizeBytes: bigint): HostCommand {
  return command('resizepart', [path, `${number}`, `${sizeBytes / UNIT_BYTES}`], path);
}

/** delpart, not `partx -d`: that one is silent about a partition that is not there, and about why it failed. */
function deletePartitionCommand(path: string, number: number): HostCommand {
  return { ...command('delpart', [path, `${number}`], path), okCodes: [0, 1] };
}

export type Deleted = 'deleted' | 'in-use' | 'not-there';

/**
 * Makes the kernel forget partition `number`. `in-use` sees every opener in every namespace (law 8).
 *
 * @throws DriverError `host-failed` for every other answer of the kernel
 */
export async function deletePartition(exec: Exec, path: string, number: number): Promise<Deleted> {
  const { code, stderr } = await exec(deletePartitionCommand(path, number));
  const deleted = parseDeleted(code, stderr);
  if (deleted !== undefined) return deleted;
  throw new DriverError(
    'host-failed',
    `delpart ${path} ${number} failed: exit code ${code}: ${stderr.trim()}`,
  );
}

/** Undefined for what delpart says of anything else, such as a disk that cannot be opened. */
export function parseDeleted(code: number, stderr: string): Deleted | undefined {
  if (code === 0) return 'deleted';
  const why = /^delpart: failed to remove partition: (.*)$/m.exec(stderr)?.[1];
  if (why === 'Device or resource busy') return 'in-use';
  if (why === 'No such device or address') return 'not-there';
  return undefined;
}

function command(name: string, args: readonly string[], device: string): HostCommand {
  return { command: name, args, timeoutMs: TIMEOUT_MS, device, effect: true };
}
