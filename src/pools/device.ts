import type { Carved } from '../model/carved.ts';
import type { Disk } from '../model/disk.ts';
import type { Gpt } from '../model/gpt.ts';
import type { DeviceNote } from '../model/note.ts';
import type { Slice } from '../model/slice.ts';
import type { Uuid } from '../model/uuid.ts';
import { createDiskLock, type DiskLock } from './lock.ts';

/**
 * A disk of ours while it is here. Only changeTable() replaces `table`, and only its carver `carved`, after they read
 * back what they wrote; where they could not, or found something else, the device is doubted, and serves nothing until
 * the disk was looked at again.
 */
export class Device {
  readonly note: DeviceNote;
  readonly disk: Disk;
  /** Of an array: those of its disks that are here. */
  readonly members: readonly Disk[];
  readonly lock: DiskLock = createDiskLock();
  /** In words, when the configuration wants something else: what is on it is served, nothing new is put on it. */
  readonly differs: string | undefined;
  /** In words, when a person said that nothing new shall be put on it. */
  cordoned: string | undefined;
  isDoubted = false;
  table: Gpt;
  carved: Carved;

  constructor(what: Pick<Device, 'disk' | 'members' | 'note' | 'table' | 'carved' | 'differs'>) {
    this.disk = what.disk;
    this.members = what.members;
    this.note = what.note;
    this.table = what.table;
    this.carved = what.carved;
    this.differs = what.differs;
  }

  /** Why nothing new is put on it; what is on it is served. */
  get closedWhy(): string | undefined {
    return this.differs ?? this.cordoned;
  }

  get mark(): Uuid {
    return this.note.mark;
  }
}

/** The disk of a device as people find it: where it is now, and what it is found again by. */
export function nameOf({ disk, note }: Device): { readonly disk: string; readonly identity: string } {
  return { disk: disk.path, identity: note.disk };
}

/** A slice together with the device that bears it. */
export type Placed = { readonly device: Device; readonly slice: Slice };
