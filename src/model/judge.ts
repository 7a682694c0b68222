import type { Answer } from './answer.ts';
import { formatBytes } from './bytes.ts';
import { type Cordon, cordonInWords } from './cordon.ts';
import type { Content, Disk, DiskBytes, Usage } from './disk.ts';
import { parseGpt } from './gpt.ts';
import {
  type DeviceMark,
  isZero,
  type MarkReading,
  type MemberMark,
  type OwnerMark,
  readMark,
} from './mark.ts';
import { matchesPool } from './match.ts';
import { type DeviceNote, type DiskNote, isMember, type MemberNote, NOTE_VERSION } from './note.ts';
import type { Pool, Self } from './pool.ts';
import { isRestOfMark } from './release.ts';

/** What no decision of a person's waives: which disk it is, and who uses it. */
const NEVER_WAIVED = [
  'no identity',
  'duplicate identity',
  'root disk',
  'mounted',
  'swap',
  'holds another device',
  'busy',
  'read-only',
] as const;

/** Why a disk is left alone, in the order in which the first that holds is named (docs/design.md). */
export const REFUSALS = [
  ...NEVER_WAIVED,
  'removable',
  'too small',
  "another node's mark",
  'copied mark',
  'newer mark',
  'damaged mark',
  'has a partition table',
  'has a signature',
  'unrecognised data',
  'probe failed',
  'cordoned',
  'matched by no pool',
  'matched by two',
] as const;
export type Refusal = (typeof REFUSALS)[number];

export type Finding = { readonly reason: Refusal; readonly detail: string };

export type Verdict =
  | { readonly is: 'owned'; readonly mark: DeviceMark }
  /** A part of an array; the array is what is served. */
  | { readonly is: 'member'; readonly mark: MemberMark }
  /** A person gives it back: what is left of its mark goes. */
  | { readonly is: 'releasing'; readonly note: DiskNote }
  /** The taking as a part of an array was cut short behind its note. */
  | { readonly is: 'joining'; readonly note: MemberNote }
  /** May be taken for this pool; `resume` is the note of a taking that was cut short. */
  | { readonly is: 'blank'; readonly pool: Pool; readonly resume: DeviceNote | undefined }
  /** Named in the pool's eraseAndTake with the fingerprint of what is on it. */
  | {
      readonly is: 'erasable';
      readonly pool: Pool;
      readonly fingerprint: string;
      readonly found: readonly Finding[];
      readonly resume: DeviceNote | undefined;
    }
  | { readonly is: 'refused'; readonly first: Finding; readonly others: readonly Finding[] };

export type DiskFacts = {
  readonly disk: Disk;
  readonly usage: Usage;
  readonly content: Content;
  /** Paths of other disks that show the same identity. */
  readonly twins: readonly string[];
  readonly cordon: Answer<Cordon>;
};

/** Disks below this are never taken: the mark and one slice need room. */
export const MIN_DISK_BYTES = 64n * 1024n ** 2n;

export const WAIVED_BY_FINGERPRINT: ReadonlySet<Refusal> = new Set<Refusal>([
  "another node's mark",
  'copied mark',
  'newer mark',
  'damaged mark',
  'has a partition table',
  'has a signature',
  'unrecognised data',
]);

export function judge(facts: DiskFacts, pools: readonly Pool[], self: Self): Verdict {
  const reading = readingOf(facts, self);
  const findings = findingsOf(facts, pools, reading);
  const releasing = noteToRelease(facts, findings);
  if (releasing !== undefined) return { is: 'releasing', note: releasing };
  const untrusted = findings.find(
    ({ reason }) => reason === 'no identity' || reason === 'duplicate identity',
  );
  if (reading.is === 'ours' && untrusted === undefined) return ours(reading.mark);
  const pool = poolsFor(facts.disk, pools)[0];
  const [first, ...others] = findings;
  if (first === undefined) {
    if (pool === undefined) throw new TypeError(`no finding and no pool for ${facts.disk.path}`);
    const resume = reading.is === 'unfinished' ? reading.note : undefined;
    if (resume !== undefined && isMember(resume)) return { is: 'joining', note: resume };
    return { is: 'blank', pool, resume };
  }
  const resume = reading.is === 'erasing' ? reading.note : undefined;
  const fingerprint = permittedFingerprint(facts, pool, resume);
  const waived = findings.every(({ reason }) => WAIVED_BY_FINGERPRINT.has(reason));
  if (fingerprint !== undefined && pool !== undefined && waived) {
    return { is: 'erasable', pool, fingerprint, found: findings, resume };
  }
  return { is: 'refused', first, others };
}

const BARS_RELEASE: ReadonlySet<Refusal> = new Set(NEVER_WAIVED);

/** That the note is gone already proves nothing: what is on the disk must be the rest of this mark and nothing else. */
function noteToRelease({ content, cordon }: DiskFacts, findings: readonly Finding[]): DiskNote | undefined {
  if (cordon.is !== 'present' || cordon.value.state !== 'releasing' || content.is !== 'read')
    return undefined;
  if (findings.some(({ reason }) => BARS_RELEASE.has(reason))) return undefined;
  const { written } = cordon.value;
  return isRestOfMark(written, content.bytes) ? written.note : undefined;
}

function ours({ note, ...mark }: OwnerMark): Verdict {
  return isMember(note)
    ? { is: 'member', mark: { ...mark, note } }
    : { is: 'owned', mark: { ...mark, note } };
}

export function poolsFor(disk: Disk, pools: readonly Pool[]): readonly Pool[] {
  return pools.filter((pool) => matchesPool(disk, pool));
}

/** Disks that the kernel's own tables already rule out are not opened, let alone read. */
export function mayBeRead(disk: Disk, usage: Usage): boolean {
  return !usage.root && disk.sizeBytes >= MIN_DISK_BYTES;
}

function readingOf(facts: DiskFacts, self: Self): MarkReading {
  return facts.content.is === 'read' ? readMark(facts.content.bytes, facts.disk, self) : { is: 'none' };
}

/** What the configuration permits to erase: what is on the disk now, or what was when an erasing was begun. */
function permittedFingerprint(
  { disk, content }: DiskFacts,
  pool: Pool | undefined,
  resume: DeviceNote | undefined,
): string | undefined {
  // What lies on an array lies on disks that were proven blank: there is nothing that a fingerprint could speak of.
  if (disk.array !== undefined) return undefined;
  if (content.is !== 'read' || content.bytes.exclusive !== 'free') return undefined;
  const found = resume?.erased ?? content.bytes.fingerprint;
  const named = pool?.eraseAndTake.some((permit) => permit.disk === disk.identity && permit.found === found);
  return named === true ? found : undefined;
}

/** Every reason that holds, in REFUSALS' order. */
function findingsOf(facts: DiskFacts, pools: readonly Pool[], reading: MarkReading): readonly Finding[] {
  const details = {
    ...ofKernel(facts, pools),
    ...ofMark(reading),
    ...ofEmptied(facts, reading),
    ...ofContent(facts, reading),
    cordoned: cordonInWords(facts.cordon),
    ...ofPools(facts.disk, pools),
  };
  const findings = REFUSALS.flatMap((reason): readonly Finding[] => {
    const detail = details[reason];
    return detail === undefined ? [] : [{ reason, detail }];
  });
  if (findings.length > 0 || isReadDeep(facts.content)) return findings;
  return [{ reason: 'probe failed', detail: 'it was not read as deep as a blank disk must be' }];
}

/** Only what was looked for everywhere can be absent: a disk that was read in part is never blank. */
function isReadDeep(content: Content): boolean {
  return content.is === 'read' && content.bytes.dirtyAt !== 'unsampled' && content.bytes.exclusive === 'free';
}

type Details = { readonly [R in Refusal]?: string | undefined };

function ofKernel({ disk, usage, content, twins }: DiskFacts, pools: readonly Pool[]): Details {
  const smallest =
    disk.array === undefined ? (poolsFor(disk, pools)[0]?.minSizeBytes ?? MIN_DISK_BYTES) : MIN_DISK_BYTES;
  const wanted = smallest > MIN_DISK_BYTES ? smallest : MIN_DISK_BYTES;
  return {
    'no identity':
      disk.identity === undefined ? 'the kernel shows neither a wwid nor a serial number' : undefined,
    'duplicate identity': twins.length > 0 ? `${disk.identity} is also ${twins.join(', ')}` : undefined,
    'root disk': usage.root ? 'the root filesystem is on it' : undefined,
    mounted: list(usage.mounts),
    swap: list(usage.swaps),
    'holds another device': list(usage.holders),
    busy:
      content.is === 'read' && content.bytes.exclusive === 'busy'
        ? 'another process holds it open exclusively'
        : undefined,
    'read-only': disk.readOnly ? 'the kernel has it read-only' : undefined,
    removable: disk.removable ? 'its medium is removable' : undefined,
    'too small':
      disk.sizeBytes < wanted
        ? `${formatBytes(disk.sizeBytes)}, want at least ${formatBytes(wanted)}`
        : undefined,
  };
}

/** Nobody makes an array blank again but by writing over all that is on it. */
function ofEmptied({ disk, content }: DiskFacts, reading: MarkReading): Details {
  const bearsNone = reading.is === 'none' || reading.is === 'unfinished' || reading.is === 'torn-note';
  if (disk.array?.isMade !== true || content.is !== 'read' || !bearsNone) return {};
  return { 'damaged mark': 'its members say that it was made, and its mark is gone' };
}

function ofMark(reading: MarkReading): Details {
  switch (reading.is) {
    case 'another-node':
      return {
        "another node's mark": `taken by ${reading.note.driver} on node ${reading.note.node}, machine ${reading.note.machine}`,
      };
    case 'copied':
      return { 'copied mark': `its note was written for the disk ${reading.note.disk}` };
    case 'newer':
      return {
        'newer mark': `format version ${reading.version}; this driver knows up to ${NOTE_VERSION}: use the newer driver`,
      };
    case 'damaged':
      return { 'damaged mark': reading.why };
    case 'erasing':
      return { 'damaged mark': `erasing ${reading.note.erased} was begun and has not ended` };
    default:
      return {};
  }
}

function ofContent({ disk, content }: DiskFacts, reading: MarkReading): Details {
  if (content.is === 'unread') return {};
  if (content.is === 'failed') return { 'probe failed': content.why };
  if (reading.is === 'unfinished' || reading.is === 'torn-note' || reading.is === 'ours') return {};
  const tables = content.bytes.signatures.filter(({ usage }) => usage === 'table');
  const others = content.bytes.signatures.filter(({ usage }) => usage === 'other');
  return {
    'has a partition table': tables.length > 0 ? shown(tables) : leftoverTable(content.bytes, disk),
    'has a signature': others.length > 0 ? shown(others) : undefined,
    'unrecognised data': dirt(content.bytes, disk),
  };
}

function shown(signatures: DiskBytes['signatures']): string {
  return signatures.map(({ type, at }) => `${type} at ${at}`).join(', ');
}

/** What blkid does not call a table: a backup GPT alone, a torn one, partitions that only the kernel still knows. */
function leftoverTable(bytes: DiskBytes, disk: Disk): string | undefined {
  const copies = parseGpt(bytes.head, bytes.tail, disk.logicalBlockBytes, disk.sizeBytes);
  if (copies.primary.is !== 'none') return `gpt (${copies.primary.is})`;
  if (copies.backup.is !== 'none') return `backup gpt (${copies.backup.is})`;
  const names = disk.partitions.map(({ name }) => name);
  return names.length > 0 ? `the kernel shows ${names.join(', ')}` : undefined;
}

function dirt(bytes: DiskBytes, disk: Disk): string | undefined {
  const firstOf = (part: Uint8Array) => BigInt(part.findIndex((byte) => byte !== 0));
  if (!isZero(bytes.head)) return `byte ${firstOf(bytes.head)} is not zero`;
  if (!isZero(bytes.note)) return `byte ${1024n ** 2n + firstOf(bytes.note)} is not zero`;
  if (typeof bytes.dirtyAt === 'bigint') return `byte ${bytes.dirtyAt} is not zero`;
  const tailStart = disk.sizeBytes - BigInt(bytes.tail.length);
  return isZero(bytes.tail) ? undefined : `byte ${tailStart + firstOf(bytes.tail)} is not zero`;
}

function ofPools(disk: Disk, pools: readonly Pool[]): Details {
  const matching = poolsFor(disk, pools);
  return {
    'matched by no pool':
      matching.length === 0 ? `model "${disk.model}", transport ${disk.transport}` : undefined,
    'matched by two':
      matching.length > 1 ? `pools ${matching.map(({ name }) => name).join(' and ')}` : undefined,
  };
}

function list(words: readonly string[]): string | undefined {
  return words.length > 0 ? words.join(', ') : undefined;
}

/** For an error: what a disk was found to be. */
export function foundInWords(verdict: Verdict): string {
  return verdict.is === 'refused' ? `${verdict.first.reason}: ${verdict.first.detail}` : verdict.is;
}
