import type { HostCommand } from './exec.ts';

/** Device mapper, where LVM cannot be asked as its metadata cannot be read. @see dmsetup(8), tried with 1.02.185 */

const TIMEOUT_MS = 60_000;

/** Refused by the kernel while anybody in any namespace has the device open. */
export function removeMappingCommand(uuid: string): HostCommand {
  return {
    command: 'dmsetup',
    args: ['remove', '--uuid', uuid],
    env: { DM_DISABLE_UDEV: '1' },
    timeoutMs: TIMEOUT_MS,
    effect: true,
  };
}
