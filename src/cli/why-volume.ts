import { readFilesystem } from '../host/blkid.ts';
import { formatBytes } from '../model/bytes.ts';
import { DriverError } from '../model/errors.ts';
import type { VolumeRecord } from '../model/record.ts';
import type { Uuid } from '../model/uuid.ts';
import { isServable } from '../pools/arrays.ts';
import { explainLoss } from '../volumes/loss.ts';
import { reconcileVolumes } from '../volumes/reconcile.ts';
import type { Report, ShownSlice, Situation } from './situation.ts';
import { decisionInWords, labelled, marksHere, mountTargets, shownSlices, unreadWhyOf } from './view.ts';

/** @throws DriverError `not-found` */
export async function whyVolume(situation: Situation, handle: Uuid): Promise<Report> {
  const seen = shownSlices(situation);
  const finding = reconcileVolumes(situation.records, seen, marksHere(situation)).find(
    (one) => one.handle === handle,
  );
  const record = situation.records.find((one) => one.handle === handle);
  if (finding === undefined) {
    throw new DriverError(
      'not-found',
      `Volume ${handle}: neither a record nor a slice on node ${situation.context.self.node}`,
    );
  }
  const { decided } = finding;
  const slices = seen.filter(({ slice }) => slice.id === handle);
  const told = await Promise.all(slices.map((one) => sliceLines(situation, one)));
  const loss = slices.length === 0 ? lossOf(situation, handle, record) : undefined;
  const name = record === undefined ? '' : ` (${record.name})`;
  const lines = [
    `volume ${handle}${name}: ${decisionInWords(situation, decided, record)} (${decided.label})`,
    ...told.flat(),
    ...labelled('record', [
      record === undefined
        ? 'none: the disk alone says that it exists'
        : `${record.state}, pool ${record.pool}, mark ${record.mark}, made ${record.createdAt}`,
    ]),
    ...(loss === undefined ? [] : labelled(loss.kind === 'data-loss' ? 'DATA LOSS' : 'away', [loss.message])),
  ];
  const value = {
    handle,
    decision: decided,
    slices: slices.map(({ node: _, ...slice }) => slice),
    record,
    loss: loss?.message,
  };
  return { lines, value };
}

function lossOf(situation: Situation, handle: Uuid, record: VolumeRecord | undefined): DriverError {
  const { arrays } = situation.arrays;
  const disks = situation.look.disks.filter((looked) => isServable(looked, arrays));
  return explainLoss(handle, record?.mark, record, {
    disks,
    arrays,
    unreadWhy: unreadWhyOf(situation, record?.mark),
  });
}

async function sliceLines(situation: Situation, seen: ShownSlice): Promise<readonly string[]> {
  const { disk, slice } = seen;
  return [
    ...labelled('slice', [`${slice.place} of ${disk}: ${slice.state}, ${formatBytes(slice.sizeBytes)}`]),
    ...(await borneLines(situation, seen)),
    ...labelled('mounted', mountTargets(situation, seen)),
  ];
}

/** What a slice bears now: its filesystem, or that it is gone. */
async function borneLines(situation: Situation, { slice, node }: ShownSlice): Promise<readonly string[]> {
  if (slice.state === 'carved')
    return labelled('bears', ['nothing yet: the first NodeStageVolume prepares it']);
  if (slice.state === 'quarantine') return labelled('bears', ['what is to be sanitized']);
  if (slice.block) return labelled('bears', ["a raw block volume: its tenant's bytes"]);
  if (node === undefined) return labelled('bears', ['not looked at: the kernel does not show the slice']);
  const found = await readFilesystem(situation.context.exec, node.path);
  if (found.is === 'unknown') return labelled('bears', [`unknown: ${found.why}`]);
  const own = found.is === 'present' && found.value.uuid.toLowerCase() === slice.id;
  if (own) return labelled('bears', [`${found.value.type}, its own filesystem`]);
  const there = found.is === 'absent' ? 'nothing' : found.value.type;
  return labelled('DATA LOSS', [
    `its filesystem is gone, ${there} is there; nothing was formatted`,
    'Find out who writes to the disk; restore the data into a new volume, from a replica or a backup.',
  ]);
}
