import { DriverError } from '../model/errors.ts';
import { isHandleOf, parseUuid, type Uuid } from '../model/uuid.ts';
import type { VolumeContext } from '../model/volume.ts';
import type { Placed } from '../pools/device.ts';
import type { VolumesContext } from './context.ts';
import { explainLoss, type Seen } from './loss.ts';

/** The slices that bear a handle, quarantine aside. One is the rule; two are never served. */
function slicesWith(context: VolumesContext, handle: Uuid): readonly Placed[] {
  return context.pools.placed().filter(({ slice }) => slice.id === handle && slice.state !== 'quarantine');
}

/**
 * The slice of a volume, or why there is none, in words.
 * @throws DriverError `not-found`, `data-loss`, `inaccessible`, `unknown`
 */
export function findVolume(context: VolumesContext, handleText: string, hint?: VolumeContext): Placed {
  const handle = parseUuid(handleText);
  if (handle === undefined)
    throw new DriverError('not-found', `volume_id ${JSON.stringify(handleText)}: no volume of this driver`);
  const placed = onlySlice(context, handle);
  if (placed !== undefined) {
    expectContext(placed, handle, hint);
    return placed;
  }
  const record = context.records.get(handle);
  const answered = record?.state === 'committed';
  const ours = isHandleOf(handle, context.self.driver, context.self.node);
  if (answered || (ours && hint?.mark !== undefined)) {
    const mark = answered ? record.mark : parseUuid(hint?.mark ?? '');
    const loss = explainLoss(handle, mark, record, seenFor(context, mark));
    // Without a record and with the mark here, nothing says that the volume was ever ours to lose.
    if (answered || loss.reason !== 'SliceLost') throw loss;
  }
  const elsewhere = ours ? '' : ': it is a volume of another node';
  throw new DriverError('not-found', `No volume ${handle} on node ${context.self.node}${elsewhere}`);
}

/** What there is to explain why a volume of this mark is not here. */
export function seenFor({ pools }: VolumesContext, mark: Uuid | undefined): Seen {
  return { ...pools.seen(), unreadWhy: mark === undefined ? undefined : pools.unreadWhy(mark) };
}

/** @throws DriverError `unknown` when two slices bear the handle, or one on another disk than its record says */
export function onlySlice(context: VolumesContext, handle: Uuid): Placed | undefined {
  const [first, second] = slicesWith(context, handle);
  const mark = context.records.get(handle)?.mark;
  if (first === undefined) return undefined;
  if (second !== undefined) throw doubled(`Two slices bear the handle ${handle}`, [first, second]);
  if (mark === undefined || mark === first.device.mark) return first;
  throw doubled(`The record of ${handle} is of mark ${mark}, its slice of mark ${first.device.mark}`, [
    first,
  ]);
}

function doubled(what: string, slices: readonly Placed[]): DriverError {
  const where = slices.map(({ device, slice }) => `${slice.place} of ${device.disk.path}`);
  return new DriverError('unknown', `${what}: ${where.join(' and ')}; nothing of it is served`, {
    reason: 'HandleDoubled',
  });
}

/** The context is never trusted for anything but this comparison: a forged one reaches nobody else's slice. */
function expectContext({ device }: Placed, handle: Uuid, hint: VolumeContext | undefined): void {
  const { mark, pool } = hint ?? {};
  if (mark !== undefined && mark !== device.mark) {
    const message = `Volume ${handle} was made on mark ${mark}; the slice of that handle here is on mark ${device.mark}, another life of the disk`;
    throw new DriverError('data-loss', message, { reason: 'DiskWiped' });
  }
  if (pool !== undefined && pool !== device.note.pool) {
    throw new DriverError(
      'invalid-argument',
      `volume_context.pool is "${pool}"; volume ${handle} is in pool "${device.note.pool}"`,
    );
  }
}
