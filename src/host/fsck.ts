import type { HostCommand } from './exec.ts';

/** Repairs of ext4 that lose nothing. Exit code 1 = errors were there and are corrected. XFS is never repaired unasked. */
export function preenCommand(device: string): HostCommand {
  return {
    command: 'e2fsck',
    args: ['-p', device],
    timeoutMs: 30 * 60_000,
    okCodes: [0, 1],
    device,
    effect: true,
  };
}
