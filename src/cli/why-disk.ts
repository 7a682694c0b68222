import { probeDisk } from '../host/probe.ts';
import { arrayIdentity } from '../model/array.ts';
import { formatBytes } from '../model/bytes.ts';
import { cordonInWords } from '../model/cordon.ts';
import type { Disk } from '../model/disk.ts';
import { type Finding, poolsFor, type Refusal, type Verdict, WAIVED_BY_FINGERPRINT } from '../model/judge.ts';
import { healthOf } from '../pools/array-health.ts';
import type { Member } from '../pools/arrays.ts';
import type { Looked } from '../pools/look.ts';
import type { OwnedDisk, Report, ShownSlice, Situation } from './situation.ts';
import { labelled, verdictInWords } from './view.ts';

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
  'too small': 'Lower minSize of its pool if it is to be taken.',
  "another node's mark":
    'It was moved here, or node name and machine id are others than they were. Volumes may be on it.',
  'copied mark': 'A block-wise copy of a disk of ours. Remove it.',
  'newer mark': 'Use the newer driver.',
  'damaged mark': 'Volumes may be on it. Restore the table from a backup if one of them is needed.',
  'has a partition table': 'Somebody partitioned it.',
  'has a signature': 'Somebody formatted it.',
  'unrecognised data': 'There are bytes on it that nobody recognises.',
  'probe failed': 'The disk did not answer or answered with errors. Look at the kernel log.',
  cordoned: 'A person said so. `uncordon` it if it is to be used.',
  'matched by no pool': 'Name it in the `match` of a pool if it is to be taken.',
  'matched by two': 'Make the `match` of the two pools exclude each other.',
};

export async function whyDisk(situation: Situation, looked: Looked): Promise<Report> {
  const { disk, verdict, usage } = looked;
  const findings = findingsOf(verdict);
  const fingerprint = await fingerprintOf(situation, disk, verdict);
  const cordon = cordonInWords(situation.context.cordons.of(disk.identity));
  const used = [...usage.mounts, ...usage.swaps, ...usage.holders];
  const pools = poolsFor(disk, situation.context.configuration.pools).map(({ name }) => name);
  const lines = [
    `${disk.path}: ${verdictInWords(situation, looked)}`,
    ...labelled('identity', [disk.identity ?? 'none']),
    ...labelled('device', [
      `${formatBytes(disk.sizeBytes)}, ${disk.transport}, model "${disk.model}", serial "${disk.serial}"`,
    ]),
    ...labelled('pools', [pools.length > 0 ? `matched by ${pools.join(', ')}` : 'matched by none']),
    ...situation.owned
      .filter((owned) => owned.looked === looked)
      .flatMap((owned) => markLines(situation, owned)),
    ...labelled('cordon', cordon === undefined ? [] : [`${cordon}: nothing new is put on it`]),
    ...arrayLines(situation, looked),
    ...labelled('used by', used),
    ...findings.flatMap(({ reason, detail }, at) =>
      labelled(at === 0 ? 'because' : 'also', [`${reason}: ${detail}`, ADVICE[reason]]),
    ),
    ...eraseLines(disk, verdict, pools, fingerprint),
  ];
  const value = {
    disk: disk.path,
    identity: disk.identity,
    verdict: verdict.is,
    cordon,
    findings,
    pools,
    used,
    fingerprint,
  };
  return { lines, value };
}

/** The mark of a disk of ours, and the slices on it. */
function markLines(situation: Situation, { device, slices, unreadWhy }: OwnedDisk): readonly string[] {
  const { note, differs } = device;
  return [
    ...labelled('mark', [`${note.mark} of node ${note.node}, taken ${note.takenAt}`]),
    ...labelled('differs', differs === undefined ? [] : [`${differs}: nothing new is put on it`]),
    ...labelled('unread', unreadWhy === undefined ? [] : [`${unreadWhy}; nothing on it is served`]),
    ...labelled(
      'slices',
      slices.map((seen) => sliceLine(situation, seen)),
    ),
  ];
}

/** The array that a disk is a part of, or is. */
function arrayLines({ arrays }: Situation, looked: Looked): readonly string[] {
  const array = arrays.arrays.find(
    (one) => one.looked === looked || [...one.members, ...one.former].some((part) => isOrHas(part, looked)),
  );
  if (array === undefined) return [];
  const { uuid, note, members, former, decided } = array;
  const at = members.findIndex((member) => isOrHas(member, looked));
  const role =
    array.looked === looked
      ? `is the ${note.array} ${arrayIdentity(uuid)} of ${members.length} disks`
      : former.includes(looked)
        ? `was a part of ${arrayIdentity(uuid)} and was replaced: it is left alone, and free for other use`
        : `part ${at + 1} of ${members.length} of the ${note.array} ${arrayIdentity(uuid)}`;
  const { is, what } = healthOf(array);
  return labelled('array', [role, is === 'whole' ? 'served' : `${what} (${decided.label})`]);
}

function isOrHas(part: Member | Looked, looked: Looked): boolean {
  return part === looked || ('looked' in part && part.looked === looked);
}

function sliceLine({ records }: Situation, { slice }: ShownSlice): string {
  const name = records.find(({ handle }) => handle === slice.id)?.name;
  const what =
    slice.state === 'quarantine'
      ? 'in quarantine'
      : `${slice.state}, volume ${slice.id}${name === undefined ? '' : ` (${name})`}`;
  return `${slice.place}: ${formatBytes(slice.sizeBytes)}, ${what}`;
}

function findingsOf(verdict: Verdict): readonly Finding[] {
  if (verdict.is === 'refused') return [verdict.first, ...verdict.others];
  return verdict.is === 'erasable' ? verdict.found : [];
}

/** The permission to erase the disk, to be copied; or that it is given already. */
function eraseLines(
  disk: Disk,
  verdict: Verdict,
  pools: readonly string[],
  fingerprint: string | undefined,
): readonly string[] {
  if (verdict.is === 'erasable')
    return [
      `  Named in eraseAndTake of pool ${verdict.pool.name}: a driver that starts now erases and takes it.`,
    ];
  if (fingerprint === undefined) return [];
  const where = pools.length > 0 ? '`disks` of its pool' : '`disks` of a pool, and the disk to its `match`';
  return [
    `  To erase what is on it and take it, if it is sure that nobody needs it, add to ${where}:`,
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
  if (disk.array !== undefined) return undefined;
  const only =
    findings.length > 0 &&
    findings.every(({ reason }) => WAIVED_BY_FINGERPRINT.has(reason) || reason === 'matched by no pool');
  if (!only || !findings.some(({ reason }) => WAIVED_BY_FINGERPRINT.has(reason))) return undefined;
  const content = await probeDisk(context.exec, disk, { sample: false, fingerprint: true, claim: false });
  return content.is === 'read' ? content.bytes.fingerprint : undefined;
}
