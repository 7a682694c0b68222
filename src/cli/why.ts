import { readFilesystem } from '../host/blkid.ts';
import { probeDisk } from '../host/probe.ts';
import { formatBytes } from '../model/bytes.ts';
import type { Disk } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import { type Finding, poolsFor, type Refusal, type Verdict, WAIVED_BY_FINGERPRINT } from '../model/judge.ts';
import { parseUuid, type Uuid } from '../model/uuid.ts';
import type { Looked } from '../pools/look.ts';
import { explainLoss } from '../volumes/loss.ts';
import { reconcileVolumes, type SeenSlice } from '../volumes/reconcile.ts';
import type { Report, Situation } from './situation.ts';
import { marksHere, seenSlices, verdictInWords } from './view.ts';

/** `why DISK-OR-VOLUME`: all that is known of one, and what a person can do. */
export async function whyReport(situation: Situation, subject: string): Promise<Report> {
  const looked = situation.look.disks.find(({ disk }) =>
    [disk.path, disk.name, disk.identity].includes(subject),
  );
  if (looked !== undefined) return whyDisk(situation, looked);
  const handle = parseUuid(subject);
  if (handle !== undefined) return whyVolume(situation, handle);
  const named = situation.records.find(({ name }) => name === subject);
  if (named !== undefined) return whyVolume(situation, named.handle);
  const disks = situation.look.disks.map(({ disk }) => disk.path).join(', ');
  throw new DriverError(
    'not-found',
    `"${subject}" is neither a disk of this node (${disks}) nor a volume handle or name`,
  );
}

const ADVICE: { readonly [R in Refusal]: string } = {
  'no identity':
    'The disk cannot be found again after a reboot. Give it a serial number, or use another disk.',
  'duplicate identity': 'Two paths to one disk, or a copy. Configure multipath away, or remove one.',
  'root disk': 'Never taken.',
  mounted: 'Unmount it for good if it is to be taken; what is on it is judged then.',
  swap: 'swapoff it if it is to be taken.',
  'holds another device':
    'An array, volume group or loop device stands on it. Dissolve that if the disk is to be taken.',
  busy: 'Find the process with fuser or lsof.',
  'read-only': 'blockdev --setrw, if the disk allows.',
  removable: 'Never taken.',
  'too small': "See minSize of the pool's disks.",
  "another node's mark": 'The disk was moved here. Move it back, or erase it with eraseAndTake.',
  'copied mark': 'A block-wise copy of a disk of ours. Remove it, or erase it with eraseAndTake.',
  'newer mark': 'Use the newer driver.',
  'damaged mark': 'Volumes may be on it. Restore the table from a backup, or erase it with eraseAndTake.',
  'has a partition table': 'Somebody partitioned it. Erase it with eraseAndTake if nobody needs it.',
  'has a signature': 'Somebody formatted it. Erase it with eraseAndTake if nobody needs it.',
  'unrecognised data':
    'There are bytes on it that nobody recognises. Erase it with eraseAndTake if nobody needs them.',
  'probe failed': 'The disk did not answer or answered with errors. Look at the kernel log.',
  'matched by no pool': 'Name it in the `match` of a pool if it is to be taken.',
  'matched by two': 'Make the `match` of the two pools exclude each other.',
};

async function whyDisk(situation: Situation, { disk, verdict, usage }: Looked): Promise<Report> {
  const findings = findingsOf(verdict);
  const fingerprint = await fingerprintOf(situation, disk, verdict);
  const used = [...usage.mounts, ...usage.swaps, ...usage.holders];
  const pools = poolsFor(disk, situation.context.configuration.pools).map(({ name }) => name);
  const lines = [
    `${disk.path}: ${verdictInWords(verdict)}`,
    `  identity   ${disk.identity ?? 'none'}`,
    `  device     ${formatBytes(disk.sizeBytes)}, ${disk.transport}, model "${disk.model}", serial "${disk.serial}"`,
    `  pools      ${pools.length > 0 ? `matched by ${pools.join(', ')}` : 'matched by none'}`,
    ...(used.length > 0 ? [`  used by    ${used.join(', ')}`] : []),
    ...findings.flatMap(({ reason, detail }, at) => [
      `  ${at === 0 ? 'because   ' : 'also      '} ${reason}: ${detail}`,
      `             ${ADVICE[reason]}`,
    ]),
    ...(fingerprint === undefined ? [] : eraseLines(disk, fingerprint)),
  ];
  const value = {
    disk: disk.path,
    identity: disk.identity,
    verdict: verdict.is,
    findings,
    pools,
    used,
    fingerprint,
  };
  return { lines, value };
}

function findingsOf(verdict: Verdict): readonly Finding[] {
  if (verdict.is === 'refused') return [verdict.first, ...verdict.others];
  return verdict.is === 'erasable' ? verdict.found : [];
}

function eraseLines(disk: Disk, fingerprint: string): readonly string[] {
  return [
    '  To erase what is on it and take it, if it is sure that nobody needs it, add to `disks` of its pool:',
    `    eraseAndTake: [{ disk: ${JSON.stringify(disk.identity)}, found: ${fingerprint} }]`,
  ];
}

/** Only for a disk whose content alone stands in the way: one in use is not read for this. */
async function fingerprintOf(
  { context }: Situation,
  disk: Disk,
  verdict: Verdict,
): Promise<string | undefined> {
  const findings = findingsOf(verdict);
  const only =
    findings.length > 0 &&
    findings.every(({ reason }) => WAIVED_BY_FINGERPRINT.has(reason) || reason === 'matched by no pool');
  if (!only || !findings.some(({ reason }) => WAIVED_BY_FINGERPRINT.has(reason))) return undefined;
  const content = await probeDisk(context.exec, disk, { sample: false, fingerprint: true, claim: false });
  return content.is === 'read' ? content.bytes.fingerprint : undefined;
}

async function whyVolume(situation: Situation, handle: Uuid): Promise<Report> {
  const seen = seenSlices(situation);
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
  const slices = seen.filter(({ slice }) => slice.id === handle);
  const borne = await Promise.all(slices.map((one) => filesystemLine(situation, one)));
  const loss =
    slices.length === 0 ? explainLoss(handle, record?.mark, record, situation.look.disks) : undefined;
  const lines = [
    `volume ${handle}${record === undefined ? '' : ` (${record.name})`}: ${finding.decided.decision} ${finding.decided.label}`,
    ...slices.map(
      ({ disk, slice }) =>
        `  slice      partition ${slice.number} of ${disk}: ${slice.state}, ${formatBytes(slice.sizeBytes)} at byte ${slice.startBytes}`,
    ),
    ...borne,
    record === undefined
      ? '  record     none: the disk alone says that it exists'
      : `  record     ${record.state}, pool ${record.pool}, mark ${record.mark}, made ${record.createdAt}`,
    ...(loss === undefined ? [] : [`  ${loss.kind === 'data-loss' ? 'DATA LOSS' : 'away'}  ${loss.message}`]),
  ];
  return { lines, value: { handle, decision: finding.decided, slices, record, loss: loss?.message } };
}

/** What a prepared slice bears now: its filesystem, or that it is gone. */
async function filesystemLine(situation: Situation, { disk, slice }: SeenSlice): Promise<string> {
  const shown = situation.look.disks.find((one) => one.disk.path === disk)?.disk.partitions;
  const partition = shown?.find(({ number }) => number === slice.number);
  if (slice.state !== 'prepared' || partition === undefined)
    return '  bears      not looked at: not prepared, or no node';
  if (slice.block) return "  bears      a raw block volume: its tenant's bytes";
  const found = await readFilesystem(situation.context.exec, partition.path);
  if (found.is === 'unknown') return `  bears      unknown: ${found.why}`;
  const own = found.is === 'present' && found.value.uuid.toLowerCase() === slice.id;
  if (own) return `  bears      ${found.value.type}, its own filesystem`;
  return `  DATA LOSS  its filesystem is gone: ${found.is === 'absent' ? 'nothing' : found.value.type} is there`;
}
