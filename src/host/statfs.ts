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
  const [block, total, free, available, inodes, inodesFree] = text.split(' ').map(count);
  if (
    inodesFree === undefined ||
    !block ||
    total === undefined ||
    free === undefined ||
    available === undefined
  ) {
    throw new DriverError('unknown', `stat --file-system answered ${JSON.stringify(text)}`);
  }
  const inodesTotal = inodes ?? 0n;
  return {
    type: 'mount',
    bytes: { total: total * block, used: (total - free) * block, available: available * block },
    inodes: { total: inodesTotal, used: inodesTotal - inodesFree, available: inodesFree },
  };
}

function count(text: string): bigint | undefined {
  return /^[0-9]+$/.test(text) ? BigInt(text) : undefined;
}
