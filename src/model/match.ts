import type { Disk } from './disk.ts';
import type { DiskMatch, Pool } from './pool.ts';

/**
 * Models of disks that live and die with their machine: EC2 NVMe instance store, Google local SSD (NVMe and SCSI),
 * Azure local NVMe (v1 and v2). Network disks of the same clouds have other models ("Amazon Elastic Block Store",
 * "nvme_card-pd", "MSFT NVMe Accelerator v1.0") and match none of these.
 */
const INSTANCE_STORE_MODELS = [
  'Amazon EC2 NVMe Instance Storage',
  'nvme_card',
  'nvme_card?',
  'nvme_card??',
  'EphemeralDisk',
  'Microsoft NVMe Direct Disk',
  'Microsoft NVMe Direct Disk v2',
] as const;

/** By what a person may call a disk: its path, its kernel name, its identity, a path of udevd's. */
export function isCalled({ path, name, identity, byIds }: Disk, called: string): boolean {
  return [path, name, identity, ...byIds.map((id) => `/dev/disk/by-id/${id}`)].includes(called);
}

/**
 * True when one line of the pool's `match` fits the disk; within a line every given key must. An array belongs to the
 * pool of its members, whatever it is called.
 */
export function matchesPool(disk: Disk, pool: Pool): boolean {
  if (disk.array !== undefined) return disk.array.pool === pool.name;
  return pool.match.some((match) => matchesLine(disk, match));
}

function matchesLine(disk: Disk, match: DiskMatch): boolean {
  const checks: readonly boolean[] = [
    match.preset === undefined || INSTANCE_STORE_MODELS.some((model) => glob(model, disk.model)),
    match.model === undefined || glob(match.model, disk.model),
    match.serial === undefined || glob(match.serial, disk.serial),
    match.path === undefined || glob(match.path, disk.path),
    match.byId === undefined || disk.byIds.some((name) => glob(match.byId ?? '', name)),
    match.transport === undefined || glob(match.transport, disk.transport),
  ];
  return checks.every(Boolean);
}

/** `*` any run of characters, `?` one; everything else is itself, without case. */
export function glob(pattern: string, text: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'is').test(text);
}
