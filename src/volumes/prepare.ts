import { zeroCommand } from '../host/blkdiscard.ts';
import { readFilesystem } from '../host/blkid.ts';
import type { HostCommand } from '../host/exec.ts';
import { mkfsCommand } from '../host/mkfs.ts';
import { readsAsZeros } from '../host/probe.ts';
import { wipeSignaturesCommand } from '../host/wipefs.ts';
import { type ByteRange, minOf } from '../model/bytes.ts';
import type { SliceNode } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import type { Uuid } from '../model/uuid.ts';
import type { FsType } from '../model/volume.ts';
import type { DiskLock } from '../pools/lock.ts';
import type { VolumesContext } from './context.ts';

/** Law 3: a slice gets its filesystem, or its zeros, once. Where a volume is formatted: here. */

/** Makes the filesystem of a slice that has no `prepared` bit; whatever was on the range before is nobody's. */
export async function makeFilesystem(
  context: VolumesContext,
  node: SliceNode,
  handle: Uuid,
  fsType: FsType,
  mkfsOptions: readonly string[],
): Promise<void> {
  await context.exec(wipeSignaturesCommand(node.path));
  const { kernel } = context;
  await context.exec(mkfsCommand({ fsType, device: node.path, uuid: handle, options: mkfsOptions, kernel }));
  await expectFilesystem(context, node, handle, fsType);
}

/**
 * The filesystem that a prepared slice must bear.
 * @throws DriverError `data-loss` (it is gone, or another one is there), `exists-differently` (another type was asked
 * for), `unknown` (the probe failed, which proves nothing)
 */
export async function expectFilesystem(
  context: VolumesContext,
  node: SliceNode,
  handle: Uuid,
  fsType: FsType,
): Promise<void> {
  const found = await readFilesystem(context.exec, node.path);
  if (found.is === 'unknown') {
    throw new DriverError(
      'unknown',
      `Cannot tell what filesystem volume ${handle} has on ${node.path}: ${found.why}`,
    );
  }
  if (found.is === 'absent' || found.value.uuid.toLowerCase() !== handle) {
    const what =
      found.is === 'absent' ? 'none is there' : `${found.value.type} with UUID ${found.value.uuid} is there`;
    const message = `Volume ${handle} was prepared with a filesystem on ${node.path}, and now ${what}; nothing was formatted`;
    throw new DriverError('data-loss', message, { reason: 'FilesystemLost' });
  }
  if (found.value.type !== fsType) {
    const message = `Volume ${handle} bears ${found.value.type}, volume_capability.mount.fs_type asks for ${fsType}`;
    throw new DriverError('unsupported', message);
  }
}

/** How a slice is worked through. `done` is told after each piece, and waited for before the next. */
export type Pace = { readonly pieceBytes: bigint; done(doneBytes: bigint): Promise<void> };

export const PIECE_BYTES = 1024n ** 3n;
const AT_ONCE: Pace = { pieceBytes: PIECE_BYTES, done: async () => undefined };

/**
 * Runs one command for each piece of a slice. The disk is shared for a piece at a time:
 * blkdiscard and dd open the device while nobody writes the table, and a table write waits for one piece only.
 */
export async function inPieces(
  context: VolumesContext,
  lock: DiskLock,
  node: SliceNode,
  command: (range: ByteRange) => HostCommand,
  pace: Pace,
): Promise<void> {
  for (let at = 0n; at < node.sizeBytes; at += pace.pieceBytes) {
    const lengthBytes = minOf(pace.pieceBytes, node.sizeBytes - at);
    await lock.shared(() => context.exec(command({ offsetBytes: at, lengthBytes })));
    await pace.done(at + lengthBytes);
  }
}

/** Zeros from end to end, and a look whether they read as zeros. The caller holds no lock of the disk. */
export async function zeroNode(
  context: VolumesContext,
  lock: DiskLock,
  node: SliceNode,
  pace = AT_ONCE,
): Promise<void> {
  await inPieces(context, lock, node, (range) => zeroCommand(node.path, range), pace);
  await expectZeros(context, node);
}

async function expectZeros(context: VolumesContext, node: SliceNode): Promise<void> {
  if (await readsAsZeros(context.exec, node)) return;
  throw new DriverError('host-failed', `${node.path} does not read as zeros after it was zeroed`);
}
