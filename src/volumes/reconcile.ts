import { assertNever } from '../model/errors.ts';
import { reconcileVolume, type VolumeDecision, type VolumeFacts } from '../model/reconcile.ts';
import type { VolumeRecord } from '../model/record.ts';
import type { Decided } from '../model/rows.ts';
import type { Slice } from '../model/slice.ts';
import type { Step } from '../model/step.ts';
import type { Uuid } from '../model/uuid.ts';

/** What records and disks say of every volume, put together; and the steps that follow. Pure. */

export type SeenSlice = { readonly mark: Uuid; readonly disk: string; readonly slice: Slice };

export type VolumeFinding = { readonly handle: Uuid; readonly decided: Decided<VolumeDecision> };

export function reconcileVolumes(
  records: readonly VolumeRecord[],
  seen: readonly SeenSlice[],
  marksHere: ReadonlySet<Uuid>,
): readonly VolumeFinding[] {
  const recordOf = new Map(records.map((record) => [record.handle, record]));
  const bearing = Map.groupBy(
    seen.filter(({ slice }) => slice.state !== 'quarantine'),
    ({ slice }) => slice.id,
  );
  const quarantined = new Set(
    seen.flatMap(({ mark, slice }) => (slice.state === 'quarantine' ? [lifeOf(mark, slice)] : [])),
  );
  return [...new Set([...recordOf.keys(), ...bearing.keys()])].sort().map((handle) => {
    const record = recordOf.get(handle);
    const slices = bearing.get(handle) ?? [];
    const facts: VolumeFacts = {
      record: record?.state ?? 'none',
      device: record === undefined || marksHere.has(record.mark) ? 'here' : 'away',
      slice: sliceFact(record, slices, record !== undefined && quarantined.has(lifeOf(record.mark, record))),
    };
    return { handle, decided: reconcileVolume(facts) };
  });
}

/** One life of one slice: what a record and a quarantined slice have in common. */
function lifeOf(mark: Uuid, { generation }: { readonly generation: number }): string {
  return `${mark}:${generation}`;
}

function sliceFact(
  record: VolumeRecord | undefined,
  [first, second]: readonly SeenSlice[],
  isQuarantined: boolean,
): VolumeFacts['slice'] {
  if (second !== undefined) return 'doubled';
  if (first === undefined) return isQuarantined ? 'quarantined' : 'none';
  if (record !== undefined && record.mark !== first.mark) return 'elsewhere';
  return first.slice.state === 'prepared' ? 'prepared' : 'carved';
}

/**
 * The steps that records and slices ask for. A quarantined slice is sanitized, and freed, only when no record names it
 * any more: until then it is the proof that the volume was deleted and not lost.
 */
export function planVolumes(
  findings: readonly VolumeFinding[],
  seen: readonly SeenSlice[],
  records: readonly VolumeRecord[],
): readonly Step[] {
  const volumes = findings.flatMap(({ handle, decided }) => stepsOf(handle, decided));
  const forgotten = new Set(volumes.flatMap((step) => (step.kind === 'forgetRecord' ? [step.handle] : [])));
  const kept = records.filter(({ handle }) => !forgotten.has(handle));
  const sanitize = seen
    .filter(({ mark, slice }) => slice.state === 'quarantine' && !isNamed(kept, mark, slice))
    .map(({ disk, slice }): Step => ({ kind: 'sanitize', because: 'quarantined', disk, place: slice.place }));
  return [...volumes, ...sanitize];
}

/** Whether a record still tells of this very slice. */
export function isNamed(records: readonly VolumeRecord[], mark: Uuid, { generation }: Slice): boolean {
  return records.some((record) => record.mark === mark && record.generation === generation);
}

function stepsOf(handle: Uuid, { label: because, decision }: Decided<VolumeDecision>): readonly Step[] {
  switch (decision) {
    case 'commit':
      return [{ kind: 'commitRecord', because, handle }];
    case 'undo':
      return [{ kind: 'undoSlice', because, handle }];
    case 'forget':
      return [{ kind: 'forgetRecord', because, handle }];
    case 'quarantine':
      return [{ kind: 'quarantineSlice', because, handle }];
    case 'nothing':
    case 'serve':
    case 'wait':
    case 'lost':
    case 'refuse':
      return [];
    default:
      return assertNever(decision, 'decision');
  }
}
