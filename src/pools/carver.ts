import type { Exec } from '../host/exec.ts';
import type { Wish } from '../model/allocate.ts';
import type { Answer } from '../model/answer.ts';
import type { Carved } from '../model/carved.ts';
import type { Disk, SliceNode } from '../model/disk.ts';
import type { DeviceMark } from '../model/mark.ts';
import type { Uuid } from '../model/uuid.ts';
import type { Device, Placed } from './device.ts';

/** A new slice whose place is known and of which nothing is written yet. */
export type PlannedSlice = { readonly id: Uuid; readonly generation: number; readonly sizeBytes: bigint };

/** Makes a plan durable. */
type BeforeWrite = (planned: PlannedSlice) => Promise<void>;

/**
 * One way to carve slices out of a device: what each carving must be able to do. Whoever calls holds the device's lock,
 * exclusively for all but `peek` and `open`. What is changed is read back, and then replaces `carved` of the device.
 * Every one may be killed at any point and repeated.
 */
export type Carver = {
  /** @throws DriverError `host-failed`, `unknown` when the metadata cannot be read */
  read(exec: Exec, disk: Disk, mark: DeviceMark): Promise<Carved>;
  /**
   * The proof that the metadata are still those that we know, read from the medium: asked for before anything on the
   * device is written over (law 1).
   * @throws DriverError `inaccessible`, `host-failed`, `unknown`
   */
  expectKnown(exec: Exec, device: Device): Promise<void>;
  /** @returns false when there is no room, and then nothing was written */
  carve(exec: Exec, device: Device, wish: Wish, beforeWrite: BeforeWrite): Promise<boolean>;
  /** The slice's device as the kernel shows it, if it does. */
  peek(placed: Placed): Promise<Answer<SliceNode>>;
  /**
   * The slice's device, shown to the kernel if it was not: the disk is the one we know, and so is the range.
   * @throws DriverError `inaccessible`, `host-failed`, `unknown`
   */
  open(exec: Exec, placed: Placed): Promise<SliceNode>;
  setPrepared(exec: Exec, placed: Placed, type: 'mount' | 'block'): Promise<void>;
  /**
   * To at least `sizeBytes`; the new bytes of a block volume are zeros before anybody can see them (law 7). What a kill
   * left half done is finished.
   * @throws DriverError `exhausted` naming the largest size within reach
   */
  grow(exec: Exec, placed: Placed, sizeBytes: bigint): Promise<SliceNode>;
  /**
   * One write: the commit point of DeleteVolume. Before it nobody can open the slice any more.
   * @returns the slice's new, random id
   * @throws DriverError `in-use`
   */
  quarantine(exec: Exec, placed: Placed): Promise<Uuid>;
  /** @throws DriverError `in-use` */
  free(exec: Exec, placed: Placed): Promise<void>;
};
