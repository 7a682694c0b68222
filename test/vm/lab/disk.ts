import { createHash } from 'node:crypto';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a disk is, as the guest sees it. */
export type DiskKind =
  /**
   * QEMU's NVMe: a real PCI function that formats and discards, but its model is always `QEMU NVMe Ctrl`, and it has no
   * write cache here.
   */
  | { readonly is: 'nvme' }
  /** NVMe over TCP, whose model can be chosen: how EC2's disks look. */
  | { readonly is: 'nvmet-tcp'; readonly model: string }
  | { readonly is: 'virtio' };

export type DiskOptions = {
  /** At most 20 characters, and no other disk of the machine has it. */
  readonly serial: string;
  readonly sizeBytes: bigint;
  readonly kind: DiskKind;
  /** With it, a power cut loses what the guest did not flush, or some of it; without (default), nothing, and it is faster. */
  readonly writeCache?: boolean;
};

/** A disk as it lies in the drawer: a sparse file, put into a machine by booting the machine with it. */
export class Disk {
  readonly serial: string;
  readonly sizeBytes: bigint;
  readonly kind: DiskKind;
  readonly writeCache: boolean;
  readonly file: string;

  private constructor(folder: string, { serial, sizeBytes, kind, writeCache = false }: DiskOptions) {
    this.serial = serial;
    this.sizeBytes = sizeBytes;
    this.kind = kind;
    this.writeCache = writeCache;
    this.file = join(folder, `${serial}.img`);
  }

  static async create(folder: string, options: DiskOptions): Promise<Disk> {
    if (options.kind.is === 'nvme' && options.writeCache === true)
      throw new Error(
        `${options.serial}: QEMU 7.2 leaves in the cache what NVMe was told to write to the medium (FUA): use virtio or nvmet-tcp`,
      );
    const disk = new Disk(folder, options);
    await disk.blank();
    return disk;
  }

  /** By which the guest's kernel knows an NVMe disk over TCP, whatever its name. */
  get uuid(): string {
    const hex = createHash('sha256').update(this.serial).digest('hex');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
  }

  /** Another disk of the same serial number in its place: nothing but zeros. Only while no machine has it. */
  async blank(): Promise<void> {
    await writeFile(this.file, '');
    await truncate(this.file, Number(this.sizeBytes));
  }
}

/** As EC2's own local disks look. */
export function instanceStore(number: number, sizeBytes: bigint): DiskOptions {
  const serial = `AWS${number.toString(16).toUpperCase().padStart(17, '0')}`;
  return { serial, sizeBytes, kind: { is: 'nvmet-tcp', model: 'Amazon EC2 NVMe Instance Storage' } };
}

/** As a volume of EBS looks, which is none of ours. */
export function elasticBlockStore(number: number, sizeBytes: bigint): DiskOptions {
  const serial = `vol${number.toString(16).padStart(17, '0')}`;
  return { serial, sizeBytes, kind: { is: 'nvmet-tcp', model: 'Amazon Elastic Block Store' } };
}
