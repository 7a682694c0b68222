import { DriverError } from '../model/errors.ts';
import type { Refusal } from '../model/judge.ts';
import type { VolumeRecord } from '../model/record.ts';
import type { Uuid } from '../model/uuid.ts';
import type { Looked } from '../pools/look.ts';

/** Out of the last look. */
export type SeenDisks = {
  /** Without disks of ours that are not served. */
  readonly disks: readonly Looked[];
  /** Of the disk of that mark, when it is here and not served. */
  readonly unreadWhy: string | undefined;
};

/**
 * Why a volume that should be here is not: its disk is away, was wiped, was replaced by another one, is refused, cannot
 * be read, or lost the slice alone. Pure; the words are what health, events and errors show.
 */
export function explainLoss(
  handle: Uuid,
  mark: Uuid | undefined,
  record: VolumeRecord | undefined,
  { disks, unreadWhy }: SeenDisks,
): DriverError {
  if (unreadWhy !== undefined) {
    const message = `Volume ${handle}: its disk is here, and what it bears cannot be told now: ${unreadWhy}`;
    return new DriverError('inaccessible', message, { reason: 'DiskUnread' });
  }
  const bearer = disks.find(({ verdict }) => verdict.is === 'owned' && verdict.mark.note.mark === mark);
  if (bearer !== undefined) {
    const message = `Volume ${handle}: ${bearer.disk.path} is here with its mark, the volume's slice is gone from it`;
    return new DriverError('data-loss', message, { reason: 'SliceLost' });
  }
  const same = disks.find(({ disk }) => disk.identity !== undefined && disk.identity === record?.disk);
  if (same !== undefined) return ofSameDisk(handle, same);
  const inItsPlace = disks.find(({ disk }) => disk.sysPath === record?.slot);
  if (inItsPlace !== undefined && record !== undefined) {
    const message = `Volume ${handle}: its disk ${record.disk} is gone; where it was is now ${inItsPlace.disk.identity ?? inItsPlace.disk.path}, another disk`;
    return new DriverError('data-loss', message, { reason: 'DiskReplaced' });
  }
  const which = record === undefined ? `with mark ${mark ?? 'unknown'}` : record.disk;
  const message = `Volume ${handle}: its disk ${which} is not here; its data are served again when the disk is back`;
  return new DriverError('inaccessible', message, { reason: 'DiskAway' });
}

/** What is on a disk that is refused so says nothing of the mark that it bore. */
const PASSING: ReadonlySet<Refusal> = new Set<Refusal>([
  'duplicate identity',
  'mounted',
  'swap',
  'holds another device',
  'busy',
  'probe failed',
  'newer mark',
  'damaged mark',
  "another node's mark",
]);

function ofSameDisk(handle: Uuid, { disk, verdict, isRead }: Looked): DriverError {
  if (verdict.is === 'owned') {
    const message = `Volume ${handle}: ${disk.path} (${disk.identity}) came back blank and was taken anew on ${verdict.mark.note.takenAt}; the volume's data are gone`;
    return new DriverError('data-loss', message, { reason: 'DiskWiped' });
  }
  const reasons = verdict.is === 'refused' ? [verdict.first, ...verdict.others] : [];
  const passing = reasons.find(({ reason }) => !isRead || PASSING.has(reason));
  if (passing) {
    const message = `Volume ${handle}: its disk ${disk.path} is refused: ${passing.reason}: ${passing.detail}`;
    return new DriverError('inaccessible', message, { reason: 'DiskRefused' });
  }
  const found = verdict.is === 'refused' ? `${verdict.first.reason}: ${verdict.first.detail}` : verdict.is;
  const message = `Volume ${handle}: its disk ${disk.path} (${disk.identity}) has lost its mark (${found}); the volume's data are gone`;
  return new DriverError('data-loss', message, { reason: 'DiskWiped' });
}
