import { DriverError } from '../model/errors.ts';
import type { VolumeStats } from '../model/volume.ts';
import type { HostCommand, HostResult } from './exec.ts';

/** A child, as a filesystem whose disk does not answer would keep one of Node's four threads. */
export function statfsCommand(path: string): HostCommand {
  return {
    command: 'stat',
    args: ['--file-system', '--format', '%S %b %f %a %c %d', path],
    timeoutMs: 20_000,
  };
}

type MountStats = Extract<VolumeStats, { readonly type: 'mount' }>;

/** As df counts: used = total - free, and available is what is left for others than root. */
export function parseStatfs(result: HostResult): MountStats {
  const text = Buffer.from(result.stdout).toString('utf8').trim();
  if (!/^[0-9]+( [0-9]+){5}$/.test(text)) {
    throw new DriverError('unknown', `stat --file-system answered ${JSON.stringify(text)}`);
  }
  const [block = 0n, total = 0n, free = 0n, available = 0n, inodes = 0n, inodesFree = 0n] = text
    .split(' ')
    .map(BigInt);
  return {
    type: 'mount',
    bytes: { total: total * block, used: (total - free) * block, available: available * block },
    inodes: { total: inodes, used: inodes - inodesFree, available: inodesFree },
  };
}
