import type { Exec } from '../host/exec.ts';
import { addPartitionCommand, deletePartition, resizePartitionCommand } from '../host/partx.ts';
import { readPartition } from '../host/sysfs.ts';
import { type UseFacts, usersOf } from '../host/usage.ts';
import type { Disk, KernelPartition } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import type { Gpt, GptEntry } from '../model/gpt.ts';
import { type KernelDecision, reconcileKernel } from '../model/reconcile.ts';
import type { Decided } from '../model/rows.ts';

/** The kernel's view of our partitions, which is built from our table and never the other way round. */

/** @throws DriverError `host-failed` when the kernel shows another range afterwards */
export async function addPartition(exec: Exec, disk: Disk, entry: GptEntry): Promise<KernelPartition> {
  await exec(addPartitionCommand(disk.path, entry.number));
  return expectPartition(disk, entry);
}

export async function resizePartition(exec: Exec, disk: Disk, entry: GptEntry): Promise<KernelPartition> {
  await exec(resizePartitionCommand(disk.path, entry.number, entry.sizeBytes));
  return expectPartition(disk, entry);
}

/**
 * Makes the kernel forget a partition. The kernel refuses while anybody in any namespace has it open, which makes
 * this the one test that sees every user.
 * @throws DriverError `in-use`
 */
export async function dropPartition(exec: Exec, disk: Disk, number: number): Promise<void> {
  if ((await deletePartition(exec, disk.path, number)) === 'in-use') {
    throw new DriverError(
      'in-use',
      `Partition ${number} of ${disk.path} is open somewhere: the kernel keeps it busy`,
    );
  }
}

/** @throws DriverError `host-failed`, `unknown` */
export async function expectPartition(disk: Disk, entry: GptEntry): Promise<KernelPartition> {
  const shown = await readPartition(disk.name, entry.number);
  if (shown.is === 'present' && isSameRange(shown.value, entry)) return shown.value;
  const found =
    shown.is === 'present' ? rangeInWords(shown.value) : shown.is === 'absent' ? 'nothing' : shown.why;
  throw new DriverError(
    shown.is === 'unknown' ? 'unknown' : 'host-failed',
    `Partition ${entry.number} of ${disk.path}: the kernel shows ${found}, the table says ${rangeInWords(entry)}`,
  );
}

function isSameRange(partition: KernelPartition, entry: GptEntry): boolean {
  return partition.startBytes === entry.startBytes && partition.sizeBytes === entry.sizeBytes;
}

function rangeInWords(range: { readonly startBytes: bigint; readonly sizeBytes: bigint }): string {
  return `${range.sizeBytes} bytes at ${range.startBytes}`;
}

export type KernelFinding = { readonly number: number; readonly decided: Decided<KernelDecision> };

/** Table against kernel for every partition number that either knows. */
export function compareKernel(disk: Disk, table: Gpt, uses: UseFacts): readonly KernelFinding[] {
  const numbers = new Set([
    ...table.entries.map((one) => one.number),
    ...disk.partitions.map((one) => one.number),
  ]);
  return [...numbers]
    .sort((a, b) => a - b)
    .map((number) => {
      const entry = table.entries.find((one) => one.number === number);
      const shown = disk.partitions.find((one) => one.number === number);
      const used = shown !== undefined && usersOf(shown, uses).length > 0 ? 'yes' : 'no';
      return {
        number,
        decided: reconcileKernel({ table: entry ? 'entry' : 'none', kernel: relation(entry, shown), used }),
      };
    });
}

function relation(
  entry: GptEntry | undefined,
  shown: KernelPartition | undefined,
): 'none' | 'same' | 'smaller' | 'other' {
  if (shown === undefined) return 'none';
  if (entry === undefined) return 'other';
  if (isSameRange(shown, entry)) return 'same';
  return shown.startBytes === entry.startBytes && shown.sizeBytes < entry.sizeBytes ? 'smaller' : 'other';
}
