import type { FsType } from '../model/volume.ts';
import type { HostCommand } from './exec.ts';

const TIMEOUT_MS = 10 * 60_000;

/**
 * Grows a mounted filesystem to the size of its device; one that fills it already stays as it is, with exit code 0.
 * ext4 wants CAP_SYS_RESOURCE, which a privileged pod has.
 */
export function growCommand(fsType: FsType, device: string, mountPath: string): HostCommand {
  return { ...argv(fsType, device, mountPath), timeoutMs: TIMEOUT_MS, device, effect: true };
}

function argv(fsType: FsType, device: string, mountPath: string): Pick<HostCommand, 'command' | 'args'> {
  switch (fsType) {
    case 'xfs':
      return { command: 'xfs_growfs', args: ['-d', mountPath] };
    case 'ext4':
      return { command: 'resize2fs', args: [device] };
    case 'btrfs':
      return { command: 'btrfs', args: ['filesystem', 'resize', 'max', mountPath] };
  }
}
