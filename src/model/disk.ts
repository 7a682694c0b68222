/** A whole block device and what the kernel says of it; sizes in bytes (sysfs counts 512-byte units). */
export type Disk = {
  /** Kernel name: `nvme1n1`. Not stable over reboots. */
  readonly name: string;
  readonly path: string;
  readonly majorMinor: string;
  /** Counts up each time the kernel makes a disk; tells a swapped disk of the same name. Undefined before Linux 5.15. */
  readonly diskSeq: string | undefined;
  /** Where it hangs: the target of /sys/block/NAME, which is a slot rather than a device. */
  readonly sysPath: string;
  readonly sizeBytes: bigint;
  readonly logicalBlockBytes: number;
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly transport: Transport;
  readonly model: string;
  readonly serial: string;
  /** Finds the disk again; undefined when the kernel gives nothing unique. Proves nothing. */
  readonly identity: string | undefined;
  /** Names below /dev/disk/by-id, where udevd made them. */
  readonly byIds: readonly string[];
  readonly holders: readonly string[];
  readonly partitions: readonly KernelPartition[];
  /** When it is an array of ours; the kernel does not know that, the notes of its members do. */
  readonly array: OwnArray | undefined;
};

type OwnArray = {
  /** Of its members. */
  readonly pool: string;
  /** A member says that it was made: then it bore its mark. */
  readonly isMade: boolean;
};

export type Transport = 'nvme' | 'scsi' | 'virtio' | 'loop' | 'md' | 'other';

/** A partition as the kernel sees it now, which may differ from the table. */
export type KernelPartition = {
  readonly number: number;
  readonly name: string;
  readonly path: string;
  readonly majorMinor: string;
  readonly startBytes: bigint;
  readonly sizeBytes: bigint;
  readonly holders: readonly string[];
};

/** The block device of a slice as the kernel shows it now. */
export type SliceNode = Pick<KernelPartition, 'name' | 'path' | 'majorMinor' | 'sizeBytes' | 'holders'> & {
  /** Other paths that the kernel's tables may call it by. */
  readonly aliases?: readonly string[];
};

/** Who uses a disk or its partitions, as the kernel's tables say (law 8). Each entry is words for a person. */
export type Usage = {
  readonly root: boolean;
  readonly mounts: readonly string[];
  readonly swaps: readonly string[];
  readonly holders: readonly string[];
};

/** What was read from a disk by a bounded child; head and tail are 64 KiB each, note is what lies at 1 MiB. */
export type DiskBytes = {
  readonly exclusive: 'free' | 'busy' | 'unasked';
  readonly head: Uint8Array;
  readonly note: Uint8Array;
  readonly tail: Uint8Array;
  /** Where else, in the regions that law 1 names, the first byte that is not zero lies; `unsampled` when nobody asked. */
  readonly dirtyAt: bigint | 'none' | 'unsampled';
  /** SHA-256 over all that law 1 reads; only when asked for. */
  readonly fingerprint: string | undefined;
  /** What blkid found: `ext4 filesystem`, `dos partition table`; empty when nothing. */
  readonly signatures: readonly Signature[];
};

export type Signature = { readonly usage: 'table' | 'other'; readonly type: string; readonly at: string };

export type Content =
  | { readonly is: 'unread' }
  | { readonly is: 'failed'; readonly why: string }
  | { readonly is: 'read'; readonly bytes: DiskBytes };
