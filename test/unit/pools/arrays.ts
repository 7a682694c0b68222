import type { Mapping } from '../../../src/host/mapped.ts';
import type { Mount } from '../../../src/host/proc.ts';
import { isMirrored } from '../../../src/model/array.ts';
import type { Disk, KernelPartition } from '../../../src/model/disk.ts';
import { groupName } from '../../../src/model/group.ts';
import type { Verdict } from '../../../src/model/judge.ts';
import { firstTable, withMade } from '../../../src/model/mark.ts';
import type { ArrayNote, MemberNote } from '../../../src/model/note.ts';
import type { Pool, RaidLevel } from '../../../src/model/pool.ts';
import type { Look, Looked } from '../../../src/pools/look.ts';
import type { SeenArray } from '../../../src/pools/see-arrays.ts';
import { ARRAY_NOTE, DISK, MEMBER_NOTE, POOL, UNUSED } from '../model/fixtures.ts';

/** Looks at disks of arrays, put together piece by piece. */

export const UUID = MEMBER_NOTE.arrayUuid;

export function poolOf(level: RaidLevel, count?: number): Pool {
  const chunkBytes = level === 'raid1' ? 0n : 524288n;
  return { ...POOL, array: { level, count, settleMs: 60_000, chunkBytes } };
}

export function disk(identity: string, change: Partial<Disk> = {}): Disk {
  return { ...DISK, name: identity, path: `/dev/${identity}`, identity, ...change };
}

export function looked(of: Disk, verdict: Verdict): Looked {
  return { disk: of, usage: UNUSED, verdict, isRead: true, writeCount: '0' };
}

export const blank = (identity: string, pool: Pool, change: Partial<Disk> = {}): Looked =>
  looked(disk(identity, change), { is: 'blank', pool, resume: undefined });

export const refused = (identity: string): Looked =>
  looked(disk(identity), { is: 'refused', first: { reason: 'has a signature', detail: 'ext4' }, others: [] });

/** Of the array. */
export const PARTITION: KernelPartition = {
  number: 2,
  name: 'md127p2',
  path: '/dev/md127p2',
  majorMinor: '259:127',
  startBytes: 0n,
  sizeBytes: 0n,
  holders: [],
};

/** A logical volume on it, as the kernel shows it. */
export const MAPPING: Mapping = {
  uuid: 'LVM-1',
  name: 'dm-0',
  path: '/dev/dm-0',
  aliases: [`/dev/mapper/${groupName(UUID)}-slice_1`],
  majorMinor: '253:0',
  sizeBytes: 0n,
  holders: [],
  isOurs: true,
  isSuspended: false,
  on: ['md127p2'],
};

/** A disk whose probe failed, with what the kernel keeps of its part of the array. */
export const unread = (identity: string, ...holders: readonly string[]): Looked => ({
  ...looked(disk(identity, { partitions: [{ ...PARTITION, name: `${identity}p2`, holders }] }), {
    is: 'refused',
    first: { reason: 'probe failed', detail: 'it did not answer' },
    others: [],
  }),
  isRead: false,
});

type MemberOptions = Partial<MemberNote> & {
  readonly made?: boolean;
  /** The md device that has it. */
  readonly on?: string;
};

/** A member of an array of `members`, which are letters: `member('a', 'ab')`. */
export function member(identity: string, members: string, options: MemberOptions = {}): Looked {
  const { made = false, on, ...change } = options;
  const note = noteOf(identity, members, change);
  const first = firstTable(note);
  const part = {
    ...PARTITION,
    name: `${identity}p2`,
    path: `/dev/${identity}p2`,
    majorMinor: '259:2',
    sizeBytes: note.memberBytes,
    holders: on === undefined ? [] : [on],
  };
  return looked(disk(identity, { partitions: [part] }), {
    is: 'member',
    mark: { note, table: made ? withMade(first) : first, torn: 'none' },
  });
}

export function joining(identity: string, members: string, change: Partial<MemberNote> = {}): Looked {
  return looked(disk(identity), { is: 'joining', note: noteOf(identity, members, change) });
}

function noteOf(identity: string, members: string, change: Partial<MemberNote>): MemberNote {
  return { ...MEMBER_NOTE, disk: identity, members: [...members], ...change };
}

type Standing = Partial<SeenArray['md']> & {
  readonly gone?: readonly string[];
  readonly uuid?: SeenArray['uuid'];
  readonly level?: RaidLevel;
  /** What the array bears; nothing when it does not run. */
  readonly verdict?: 'owned' | 'blank' | 'refused' | 'none';
  /** Numbers of the devices that are mounted. */
  readonly mounted?: readonly string[];
  readonly mappings?: readonly Mapping[];
  /** Names of devices that stand on its first partition. */
  readonly holders?: readonly string[];
};

function mountOf(majorMinor: string): Mount {
  const of = { id: 1, parentId: 0, majorMinor, root: '/', rootDeleted: false, target: '/data' };
  return { ...of, options: [], optional: [], fsType: 'xfs', source: '/dev/it', superOptions: [] };
}

/** Disks, and the array that the kernel has of them as md127 if it has one. */
export function lookAt(disks: readonly Looked[], standing?: Standing): Look {
  const { mounted = [], mappings = [], holders = [], ...of } = standing ?? {};
  const uses = { mounts: mounted.map(mountOf), swaps: [], loops: [] };
  if (standing === undefined) return { disks, arrays: [], superblocks: new Map(), uses };
  const { gone = [], level = 'raid0', verdict = 'owned', ...md } = of;
  const parts = disks
    .flatMap((one) => one.disk.partitions)
    .filter(({ holders }) => holders.includes('md127'))
    .map(({ name }) => name);
  const idle = { state: 'clean', failed: [], degraded: 0, sync: undefined };
  const seen: SeenArray = {
    md: { ...idle, ...md, name: 'md127', parts },
    touches: [UUID],
    uuid: 'uuid' in standing ? standing.uuid : UUID,
    gone,
    mappings,
  };
  const partitions = [{ ...PARTITION, holders }];
  const array = disk('md127', {
    identity: `md:${UUID}`,
    array: { pool: POOL.name, isMade: true },
    partitions,
  });
  const note: ArrayNote = { ...ARRAY_NOTE, array: level, chunkBytes: isMirrored(level) ? 0n : 524288n };
  const verdicts: Readonly<Record<string, Verdict>> = {
    owned: { is: 'owned', mark: { note, table: firstTable(note), torn: 'none' } },
    blank: { is: 'blank', pool: poolOf(level), resume: undefined },
    refused: { is: 'refused', first: { reason: 'damaged mark', detail: 'gone' }, others: [] },
  };
  const own = verdicts[verdict];
  const device = own === undefined ? [] : [looked(array, own)];
  return { disks: [...disks, ...device], arrays: [seen], superblocks: new Map(), uses };
}
