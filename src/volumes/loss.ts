import { arrayIdentity, isMirrored } from '../model/array.ts';
import { DriverError } from '../model/errors.ts';
import type { RecordedArray, VolumeRecord } from '../model/record.ts';
import type { Uuid } from '../model/uuid.ts';
import { healthOf } from '../pools/array-health.ts';
import type { ArrayView } from '../pools/arrays.ts';
import type { Looked } from '../pools/look.ts';
import { passingOf } from '../pools/passing.ts';

/** Out of the last look. */
export type Seen = {
  /** Without disks of ours that are not served. */
  readonly disks: readonly Looked[];
  readonly arrays: readonly ArrayView[];
  /** Of the device of that mark, when it is here and not served. */
  readonly unreadWhy: string | undefined;
};

/**
 * Why a volume that should be here is not: its disk is away, was wiped, was replaced by another one, is refused, cannot
 * be read, or lost the slice alone; or its array lacks a disk. Pure; the words are what health, events and errors show.
 */
export function explainLoss(
  handle: Uuid,
  mark: Uuid | undefined,
  record: VolumeRecord | undefined,
  { disks, arrays, unreadWhy }: Seen,
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
  const array = arrays.find(({ uuid }) => uuid === mark);
  if (array !== undefined) return ofArray(handle, array);
  if (record?.array !== undefined) return ofMembers(handle, record.disk, record.array, disks);
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

/** Members of the array are here and tell of it. */
function ofArray(handle: Uuid, array: ArrayView): DriverError {
  const { is, what } = healthOf(array);
  const which = `Volume ${handle}: its array ${arrayIdentity(array.uuid)}`;
  if (is === 'lost') {
    const message = `${which} cannot be read, ${what}; its data are gone unless these are brought back`;
    return new DriverError('data-loss', message, { reason: 'MemberMissing' });
  }
  // One that stands was assembled, and what is on it was not read yet.
  const why = is === 'waiting' ? what : 'about to be served';
  return new DriverError('inaccessible', `${which} is not served: ${why}`, { reason: 'DiskRefused' });
}

/**
 * Nothing here tells of the array any more: what has become of the disks that the record names. A mirror may have got
 * others since, which have all that was on them.
 */
function ofMembers(
  handle: Uuid,
  identity: string,
  { level, members }: RecordedArray,
  disks: readonly Looked[],
): DriverError {
  const fates = members.map((member) => fateOf(member, disks));
  const gone = fates.flatMap((fate, at) => (fate === 'away' ? [] : [at]));
  if (isMirrored(level) || gone.length === 0) {
    const message = `Volume ${handle}: the disks of its array ${identity} are not here; its data are served again when they are back`;
    return new DriverError('inaccessible', message, { reason: 'DiskAway' });
  }
  const words = gone.map(
    (at) =>
      `${members[at]?.disk} ${fates[at] === 'wiped' ? 'has lost its mark' : 'is gone, another disk is in its place'}`,
  );
  const message = `Volume ${handle}: of its array ${identity}, ${words.join(', ')}; the volume's data are gone`;
  return new DriverError('data-loss', message, {
    reason: fates.includes('wiped') ? 'DiskWiped' : 'DiskReplaced',
  });
}

function fateOf(
  member: RecordedArray['members'][number],
  disks: readonly Looked[],
): 'away' | 'wiped' | 'replaced' {
  const same = disks.find(({ disk }) => disk.identity === member.disk);
  if (same !== undefined) return passingOf(same) === undefined ? 'wiped' : 'away';
  return disks.some(({ disk }) => disk.sysPath === member.slot) ? 'replaced' : 'away';
}

function ofSameDisk(handle: Uuid, looked: Looked): DriverError {
  const { disk, verdict } = looked;
  if (verdict.is === 'owned' || verdict.is === 'member') {
    const message = `Volume ${handle}: ${disk.path} (${disk.identity}) came back blank and was taken anew on ${verdict.mark.note.takenAt}; the volume's data are gone`;
    return new DriverError('data-loss', message, { reason: 'DiskWiped' });
  }
  const passing = passingOf(looked);
  if (passing) {
    const message = `Volume ${handle}: its disk ${disk.path} is refused: ${passing.reason}: ${passing.detail}`;
    return new DriverError('inaccessible', message, { reason: 'DiskRefused' });
  }
  const found = verdict.is === 'refused' ? `${verdict.first.reason}: ${verdict.first.detail}` : verdict.is;
  const message = `Volume ${handle}: its disk ${disk.path} (${disk.identity}) has lost its mark (${found}); the volume's data are gone`;
  return new DriverError('data-loss', message, { reason: 'DiskWiped' });
}
