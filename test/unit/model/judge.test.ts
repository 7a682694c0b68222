import { describe, expect, it } from '@jest/globals';
import { ABSENT, type Answer, present, unknown } from '../../../src/model/answer.ts';
import { GIB, MIB } from '../../../src/model/bytes.ts';
import type { Cordon } from '../../../src/model/cordon.ts';
import type { Disk, DiskBytes, Usage } from '../../../src/model/disk.ts';
import { encodeGpt, type GptEntry, TYPE_MEMBER } from '../../../src/model/gpt.ts';
import {
  type DiskFacts,
  judge,
  MIN_DISK_BYTES,
  mayBeRead,
  REFUSALS,
  type Refusal,
  type Verdict,
} from '../../../src/model/judge.ts';
import { firstTable } from '../../../src/model/mark.ts';
import { encodeNote } from '../../../src/model/note.ts';
import type { Pool } from '../../../src/model/pool.ts';
import {
  ARRAY_NOTE,
  blankFacts,
  bytesWith,
  DISK,
  MEMBER_NOTE,
  NOTE,
  noteWrite,
  POOL,
  SELF,
  takenBytes,
  UNUSED,
  type Write,
} from './fixtures.ts';

/** What is wrong with an otherwise blank disk; two flaws of one `about` cannot both be. */
type Flaw = {
  readonly reason: Refusal;
  readonly about: string;
  readonly disk?: Partial<Disk>;
  readonly usage?: Partial<Usage>;
  readonly bytes?: Partial<DiskBytes>;
  readonly failed?: string;
  readonly twins?: readonly string[];
  readonly pools?: readonly Pool[];
  readonly cordon?: Answer<Cordon>;
};

const noteOf = (text: string): Uint8Array => Buffer.from(text.padEnd(4096, '\0'));

const FLAWS: readonly Flaw[] = [
  { reason: 'no identity', about: 'identity', disk: { identity: undefined } },
  { reason: 'duplicate identity', about: 'twins', twins: ['/dev/nvme2n1'] },
  { reason: 'root disk', about: 'root', usage: { root: true } },
  { reason: 'mounted', about: 'mounts', usage: { mounts: ['/data'] } },
  { reason: 'swap', about: 'swaps', usage: { swaps: ['/dev/nvme1n1p1'] } },
  { reason: 'holds another device', about: 'holders', usage: { holders: ['dm-0'] } },
  { reason: 'busy', about: 'busy', bytes: { exclusive: 'busy' } },
  { reason: 'read-only', about: 'read-only', disk: { readOnly: true } },
  { reason: 'removable', about: 'removable', disk: { removable: true } },
  { reason: 'too small', about: 'size', disk: { sizeBytes: MIN_DISK_BYTES - 512n } },
  {
    reason: "another node's mark",
    about: 'note',
    bytes: { note: encodeNote({ ...NOTE, node: 'b', machine: 'b' }) },
  },
  { reason: 'copied mark', about: 'note', bytes: { note: encodeNote({ ...NOTE, disk: 'another' }) } },
  {
    reason: 'newer mark',
    about: 'note',
    bytes: { note: noteOf('instance-store-csi owner mark, format version 3\n') },
  },
  {
    reason: 'damaged mark',
    about: 'note',
    bytes: { note: noteOf('instance-store-csi owner mark, format version 1\n{'), dirtyAt: 70n * MIB },
  },
  {
    reason: 'has a partition table',
    about: 'table',
    bytes: { signatures: [{ usage: 'table', type: 'dos', at: '510' }] },
  },
  {
    reason: 'has a signature',
    about: 'table',
    bytes: { signatures: [{ usage: 'other', type: 'ext4', at: '1080' }] },
  },
  { reason: 'unrecognised data', about: 'depth', bytes: { dirtyAt: 64n * MIB - 1n } },
  { reason: 'probe failed', about: 'probe', failed: 'read error at byte 4096' },
  {
    reason: 'cordoned',
    about: 'cordon',
    cordon: present({ state: 'cordoned', since: '2026-01-02T03:04:05.678Z' }),
  },
  { reason: 'matched by no pool', about: 'pools', disk: { model: 'Amazon Elastic Block Store' } },
  { reason: 'matched by two', about: 'pools', pools: [POOL, { ...POOL, name: 'slow' }] },
];

function factsWith(...flaws: readonly Flaw[]): DiskFacts {
  const disk = Object.assign({}, DISK, ...flaws.map((flaw) => flaw.disk)) as Disk;
  const usage = Object.assign({}, UNUSED, ...flaws.map((flaw) => flaw.usage)) as Usage;
  const failed = flaws.find((flaw) => flaw.failed !== undefined)?.failed;
  const bytes = bytesWith(
    disk.sizeBytes,
    [],
    Object.assign({}, ...flaws.map((flaw) => flaw.bytes)) as Partial<DiskBytes>,
  );
  const content =
    failed === undefined ? ({ is: 'read', bytes } as const) : ({ is: 'failed', why: failed } as const);
  const cordon = flaws.find((flaw) => flaw.cordon !== undefined)?.cordon ?? ABSENT;
  return { disk, usage, content, twins: flaws.flatMap((flaw) => flaw.twins ?? []), cordon };
}

const poolsOf = (...flaws: readonly Flaw[]): readonly Pool[] =>
  flaws.find((flaw) => flaw.pools)?.pools ?? [POOL];

const verdictOf = (...flaws: readonly Flaw[]): Verdict => judge(factsWith(...flaws), poolsOf(...flaws), SELF);

const reasonsOf = (verdict: Verdict): readonly Refusal[] =>
  verdict.is === 'refused' ? [verdict.first, ...verdict.others].map(({ reason }) => reason) : [];

/** What was read and how cannot both have failed. */
const READS: ReadonlySet<string> = new Set(['busy', 'note', 'table', 'depth']);
const together = (a: Flaw, b: Flaw): boolean =>
  a.about !== b.about &&
  !(a.about === 'probe' && READS.has(b.about)) &&
  !(b.about === 'probe' && READS.has(a.about));

const PAIRS = FLAWS.flatMap((earlier, at) =>
  FLAWS.slice(at + 1)
    .filter((later) => together(earlier, later))
    .map((later) => ({ earlier, later })),
);

describe('judge()', () => {
  it('has a data row for each reason, in their order', () => {
    expect(FLAWS.map(({ reason }) => reason)).toEqual(REFUSALS);
  });

  it.each(FLAWS)('refuses a disk for one flaw: $reason', (flaw) => {
    const verdict = verdictOf(flaw);
    expect(verdict).toMatchObject({ is: 'refused', first: { reason: flaw.reason } });
    expect(verdict.is === 'refused' && verdict.first.detail).toMatch(/\S/);
  });

  it.each(FLAWS.filter(({ about }) => about !== 'note'))(
    'names no other reason beside $reason alone',
    (flaw) => {
      expect(reasonsOf(verdictOf(flaw))).toEqual([flaw.reason]);
    },
  );

  it.each(PAIRS)('names $earlier.reason before $later.reason', ({ earlier, later }) => {
    const reasons = reasonsOf(verdictOf(later, earlier));
    expect(reasons[0]).toBe(earlier.reason);
    expect(reasons).toContain(later.reason);
  });

  it('names all reasons at once, each once and in order', () => {
    const all = FLAWS.filter(
      ({ about, reason }) => about !== 'probe' && reason !== 'copied mark' && reason !== 'matched by no pool',
    );
    const reasons = reasonsOf(verdictOf(...all));
    expect(reasons).toEqual(REFUSALS.filter((reason) => reasons.includes(reason)));
    expect(reasons.length).toBeGreaterThan(12);
  });
});

describe('judge() of a blank disk', () => {
  it('lets the one pool that matches take it', () => {
    expect(judge(blankFacts(), [{ ...POOL, name: 'other', match: [] }, POOL], SELF)).toEqual({
      is: 'blank',
      pool: POOL,
      resume: undefined,
    });
  });

  const nonzero = (length: number, at: number): Uint8Array =>
    Uint8Array.from({ length }, (_, index) => (index === at ? 1 : 0));

  it.each<[string, Partial<DiskBytes>]>([
    ['first byte of the head', { head: nonzero(65536, 0) }],
    ['last byte of the head', { head: nonzero(65536, 65535) }],
    ['first byte at 1 MiB', { note: nonzero(8192, 0) }],
    ['last byte of the note', { note: nonzero(8192, 8191) }],
    ['first byte of the tail', { tail: nonzero(65536, 0) }],
    ['last byte of the disk', { tail: nonzero(65536, 65535) }],
    ['a byte in the depth', { dirtyAt: 9n * GIB }],
    ['byte 65536', { dirtyAt: 65536n }],
  ])('is not one with %s set', (_what, change) => {
    expect(judge(blankFacts(change), [POOL], SELF)).toMatchObject({
      is: 'refused',
      first: { reason: 'unrecognised data' },
    });
  });

  it.each<[string, DiskFacts]>([
    ['its depth was not sampled', blankFacts({ dirtyAt: 'unsampled' })],
    ['nobody asked whether it is free', blankFacts({ exclusive: 'unasked' })],
    ['it was not read', { ...blankFacts(), content: { is: 'unread' } }],
    ['reading it failed', { ...blankFacts(), content: { is: 'failed', why: 'timeout' } }],
  ])('is not one when %s', (_what, facts) => {
    expect(judge(facts, [POOL], SELF)).toMatchObject({ is: 'refused', first: { reason: 'probe failed' } });
  });

  it('names the byte that is not zero', () => {
    const verdict = judge(blankFacts({ tail: nonzero(65536, 65535) }), [POOL], SELF);
    expect(verdict).toMatchObject({ first: { detail: `byte ${DISK.sizeBytes - 1n} is not zero` } });
  });

  const foreign: GptEntry = {
    number: 1,
    type: TYPE_MEMBER,
    uuid: NOTE.mark,
    startBytes: MIB,
    sizeBytes: MIB,
    attributes: 0n,
    name: '',
  };
  const regions = encodeGpt({ ...firstTable(NOTE), entries: [foreign] }, DISK.sizeBytes);

  it.each([
    ['a backup table alone', regions.slice(0, 2)],
    ['a primary table alone', regions.slice(2, 4)],
    ['a table whose entries are gone', [...regions.slice(1, 2), ...regions.slice(3, 4)]],
  ])('is not one with %s, which blkid is silent about', (_what, writes) => {
    const facts = {
      ...blankFacts(),
      content: { is: 'read' as const, bytes: bytesWith(DISK.sizeBytes, writes) },
    };
    expect(judge(facts, [POOL], SELF)).toMatchObject({
      is: 'refused',
      first: { reason: 'has a partition table' },
    });
  });

  it('is not one while the kernel still shows partitions of an older table', () => {
    const partition = {
      number: 1,
      name: 'nvme1n1p1',
      path: '/dev/nvme1n1p1',
      majorMinor: '259:2',
      startBytes: MIB,
      sizeBytes: MIB,
      holders: [],
    };
    const facts = { ...blankFacts(), disk: { ...DISK, partitions: [partition] } };
    expect(judge(facts, [POOL], SELF)).toMatchObject({
      is: 'refused',
      first: { reason: 'has a partition table' },
    });
  });

  it.each([
    ['with its note', 'note', { is: 'blank', resume: NOTE }],
    ['anew when the note itself is torn', 'torn', { is: 'blank', resume: undefined }],
  ])('is one when its taking was cut short, and it is taken %s', (_what, which, expected) => {
    const note =
      which === 'note'
        ? noteWrite(NOTE).bytes
        : noteWrite(NOTE).bytes.map((byte, at) => (at < 512 ? byte : 0));
    expect(judge(blankFacts({ note }), [POOL], SELF)).toMatchObject(expected);
  });
});

describe('judge() of a small disk', () => {
  it.each([
    ['refused', MIN_DISK_BYTES - 512n, 0n],
    ['blank', MIN_DISK_BYTES, 0n],
    ['refused', GIB - 512n, GIB],
    ['blank', GIB, GIB],
  ])('says %s of %d bytes when its pool asks for %d', (is, sizeBytes, minSizeBytes) => {
    const facts = factsWith({ reason: 'too small', about: 'size', disk: { sizeBytes } });
    expect(judge(facts, [{ ...POOL, minSizeBytes }], SELF).is).toBe(is);
  });
});

describe('judge() of a disk of ours', () => {
  const owned = (flaw: Partial<Flaw>): DiskFacts => {
    const facts = factsWith({ reason: 'busy', about: '', ...flaw });
    return { ...facts, content: { is: 'read', bytes: takenBytes(NOTE, firstTable(NOTE), flaw.bytes) } };
  };
  const SERVED_NEVERTHELESS: readonly Refusal[] = [
    'root disk',
    'mounted',
    'swap',
    'holds another device',
    'busy',
    'read-only',
    'removable',
    'has a partition table',
    'matched by no pool',
    'matched by two',
  ];

  it.each(FLAWS.filter(({ reason }) => SERVED_NEVERTHELESS.includes(reason)))(
    'is owned although: $reason',
    (flaw) => {
      expect(judge(owned(flaw), poolsOf(flaw), SELF)).toMatchObject({
        is: 'owned',
        mark: { note: NOTE, torn: 'none' },
      });
    },
  );

  it('is owned although nobody sampled its depth: volumes live there', () => {
    expect(judge(owned({ bytes: { dirtyAt: 'unsampled' } }), [POOL], SELF).is).toBe('owned');
  });

  it.each(FLAWS.slice(0, 2))('is not served with $reason: it may be another one', (flaw) => {
    expect(judge(owned(flaw), [POOL], SELF)).toMatchObject({ is: 'refused', first: { reason: flaw.reason } });
  });

  it('is owned and never erased, whatever the configuration names', () => {
    const pool = { ...POOL, eraseAndTake: [{ disk: NOTE.disk, found: 'f' }] };
    expect(judge(owned({ bytes: { fingerprint: 'f' } }), [pool], SELF).is).toBe('owned');
  });
});

describe('judge() of a cordoned disk', () => {
  const since = '2026-01-02T03:04:05.678Z';
  const releasing = present<Cordon>({
    state: 'releasing',
    since,
    written: { note: NOTE, text: Buffer.from(encodeNote(NOTE)).toString() },
  });
  const taken = takenBytes(NOTE, firstTable(NOTE));
  const factsOf = (bytes: DiskBytes, cordon: Answer<Cordon>): DiskFacts => ({
    ...blankFacts(),
    content: { is: 'read', bytes },
    cordon,
  });

  it.each<[string, Answer<Cordon>]>([
    ['that was released', present({ state: 'released', since })],
    ['when the cordons cannot be read', unknown('cordons.json is torn')],
    ['whose release was begun in another life of the disk', releasing],
  ])('does not take a blank one %s', (_, cordon) => {
    const bytes = bytesWith(DISK.sizeBytes, [], { note: encodeNote({ ...NOTE, disk: 'another' }) });
    const found = cordon === releasing ? bytes : bytesWith(DISK.sizeBytes, []);
    expect(reasonsOf(judge(factsOf(found, cordon), [POOL], SELF))).toContain('cordoned');
  });

  it('owns a disk of ours as before', () => {
    expect(judge(factsOf(taken, present({ state: 'cordoned', since })), [POOL], SELF).is).toBe('owned');
  });

  it('releases one whose release was begun, whole or zero, wanted by a pool or not', () => {
    for (const bytes of [taken, bytesWith(DISK.sizeBytes, [], { dirtyAt: 'unsampled' })])
      for (const pools of [[POOL], []])
        expect(judge(factsOf(bytes, releasing), pools, SELF)).toEqual({ is: 'releasing', note: NOTE });
  });

  it.each<[string, Partial<DiskFacts>]>([
    ['that is mounted', { usage: { ...UNUSED, mounts: ['/data'] } }],
    ['that another device stands on', { usage: { ...UNUSED, holders: ['md0'] } }],
    ['that is there twice', { twins: ['/dev/nvme2n1'] }],
    ['that is read-only', { disk: { ...DISK, readOnly: true } }],
    ['that was not read', { content: { is: 'failed', why: 'EIO' } }],
  ])('does not release one %s', (_, change) => {
    expect(judge({ ...factsOf(taken, releasing), ...change }, [POOL], SELF).is).not.toBe('releasing');
  });
});

describe('judge() with a permission to erase', () => {
  const WAIVED: readonly Refusal[] = REFUSALS.slice(
    REFUSALS.indexOf("another node's mark"),
    REFUSALS.indexOf('probe failed'),
  );
  const waived = FLAWS.filter(({ reason }) => WAIVED.includes(reason));
  const barred = FLAWS.filter(({ reason }) => !WAIVED.includes(reason) && reason !== 'probe failed');
  const permit = { disk: NOTE.disk, found: 'fingerprint' };
  const pool = { ...POOL, eraseAndTake: [permit] };
  const FOUND: Flaw = {
    reason: 'has a signature',
    about: 'fingerprint',
    bytes: { fingerprint: permit.found },
  };

  it.each(waived)('may erase a disk refused for: $reason', (flaw) => {
    const verdict = judge(factsWith(flaw, FOUND), [pool], SELF);
    expect(verdict).toMatchObject({ is: 'erasable', fingerprint: permit.found });
    expect(verdict.is === 'erasable' && verdict.found[0]?.reason).toBe(flaw.reason);
  });

  it.each(waived.flatMap((flaw) => barred.map((bar) => ({ flaw, bar }))))(
    'erases none with $flaw.reason that also has $bar.reason',
    ({ flaw, bar }) => {
      const pools = bar.pools?.map((each) => ({ ...each, eraseAndTake: [permit] })) ?? [pool];
      expect(judge(factsWith(flaw, FOUND, bar), pools, SELF).is).toBe('refused');
    },
  );

  it.each([
    ['another disk', [{ ...permit, disk: 'another' }], permit.found],
    ['another fingerprint', [{ ...permit, found: 'another' }], permit.found],
    [
      'disk and fingerprint, but of two lines',
      [
        { ...permit, disk: 'another' },
        { ...permit, found: 'another' },
      ],
      permit.found,
    ],
    ['the disk, and no fingerprint was taken', [permit], undefined],
    ['nothing', [], permit.found],
  ])('erases none when the configuration names %s', (_what, eraseAndTake, fingerprint) => {
    const dirty: Flaw = { reason: 'unrecognised data', about: '', bytes: { dirtyAt: 0n, fingerprint } };
    expect(judge(factsWith(dirty), [{ ...POOL, eraseAndTake }], SELF).is).toBe('refused');
  });

  it('erases none of which nobody asked whether it is free', () => {
    const bytes = { ...FOUND.bytes, dirtyAt: 0n, exclusive: 'unasked' } as const;
    expect(judge(factsWith({ ...FOUND, bytes }), [pool], SELF).is).toBe('refused');
  });

  it('erases none that could not be read', () => {
    expect(
      judge(factsWith(FOUND, { reason: 'probe failed', about: '', failed: 'EIO' }), [pool], SELF).is,
    ).toBe('refused');
  });

  it.each([
    ['goes on with an erasing that was begun, whatever is left', permit.found, 'erasable'],
    ['stops an erasing whose permission was taken back', 'withdrawn', 'refused'],
  ])('%s', (_what, erased, is) => {
    const bytes = {
      note: encodeNote({ ...NOTE, erased }),
      dirtyAt: 70n * MIB,
      fingerprint: 'of what is left',
    };
    expect(judge(factsWith({ reason: 'damaged mark', about: '', bytes }), [pool], SELF).is).toBe(is);
  });
});

describe('mayBeRead()', () => {
  it.each<[boolean, string, Partial<Disk>, Partial<Usage>]>([
    [true, 'an unused disk', {}, {}],
    [true, 'a mounted disk', {}, { mounts: ['/data'] }],
    [false, 'the root disk', {}, { root: true }],
    [false, 'a floppy', { sizeBytes: MIN_DISK_BYTES - 512n }, {}],
  ])('is %j for %s', (may, _what, disk, usage) => {
    expect(mayBeRead({ ...DISK, ...disk }, { ...UNUSED, ...usage })).toBe(may);
  });
});

describe("judge() of an array's disks", () => {
  const first = firstTable(MEMBER_NOTE);
  const written = (writes: readonly Write[], change: Partial<DiskBytes> = {}): DiskFacts => ({
    disk: DISK,
    usage: UNUSED,
    content: { is: 'read', bytes: bytesWith(DISK.sizeBytes, writes, change) },
    twins: [],
    cordon: ABSENT,
  });

  it('calls a whole mark of one a member, in use as it may be', () => {
    const bytes = takenBytes(MEMBER_NOTE, first);
    const usage = { ...UNUSED, holders: ['md127 on /dev/nvme1n1p2'] };
    const facts: DiskFacts = { disk: DISK, usage, content: { is: 'read', bytes }, twins: [], cordon: ABSENT };
    const mark = { note: MEMBER_NOTE, table: first, torn: 'none' };
    expect(judge(facts, [POOL], SELF)).toEqual({ is: 'member', mark });
  });

  it('finds one joining whose taking was cut short behind its note', () => {
    expect(judge(written([noteWrite(MEMBER_NOTE)]), [POOL], SELF)).toEqual({
      is: 'joining',
      note: MEMBER_NOTE,
    });
  });

  it('takes none that was noted and that no pool wants any more', () => {
    expect(judge(written([noteWrite(MEMBER_NOTE)]), [], SELF)).toMatchObject({
      is: 'refused',
      first: { reason: 'matched by no pool' },
    });
  });
});

describe('judge() of an array', () => {
  const array: Disk = {
    ...DISK,
    name: 'md127',
    path: '/dev/md127',
    transport: 'md',
    model: '',
    sizeBytes: ARRAY_NOTE.diskBytes,
    identity: ARRAY_NOTE.disk,
    array: { pool: POOL.name, isMade: false },
  };
  const made: Disk = { ...array, array: { pool: POOL.name, isMade: true } };
  const of = (disk: Disk, writes: readonly Write[], change: Partial<DiskBytes> = {}): Verdict => {
    const content = { is: 'read', bytes: bytesWith(disk.sizeBytes, writes, change) } as const;
    return judge(
      { disk, usage: UNUSED, content, twins: [], cordon: ABSENT },
      [POOL, { ...POOL, name: 'slow', match: [{ path: '*' }] }],
      SELF,
    );
  };
  const mark = [noteWrite(ARRAY_NOTE), ...encodeGpt(firstTable(ARRAY_NOTE), ARRAY_NOTE.diskBytes)];

  it('is for the pool of its members, whatever another one matches', () => {
    expect(of(array, [])).toMatchObject({ is: 'blank', pool: { name: POOL.name }, resume: undefined });
  });

  it('is not measured against the least size of a disk', () => {
    const small = { ...array, sizeBytes: 100n * MIB };
    expect(of(small, [])).toMatchObject({ is: 'blank' });
  });

  it.each([array, made])('is owned with its mark', (disk) => {
    expect(of(disk, mark)).toMatchObject({ is: 'owned', mark: { note: ARRAY_NOTE } });
  });

  it.each<[string, readonly Write[]]>([
    ['nothing but zeros', []],
    ['the note alone', [noteWrite(ARRAY_NOTE)]],
  ])('is damaged that was made and bears %s', (_what, writes) => {
    expect(of(made, writes)).toMatchObject({ is: 'refused', first: { reason: 'damaged mark' } });
  });

  it('is not called damaged that cannot be read: a member is missing, and its mark with it', () => {
    const content = { is: 'failed', why: 'EIO' } as const;
    const facts: DiskFacts = { disk: made, usage: UNUSED, content, twins: [], cordon: ABSENT };
    expect(judge(facts, [POOL], SELF)).toMatchObject({
      is: 'refused',
      first: { reason: 'probe failed' },
      others: [],
    });
  });

  it('is taken on whose marking was cut short behind the note', () => {
    expect(of(array, [noteWrite(ARRAY_NOTE)])).toMatchObject({ is: 'blank', resume: ARRAY_NOTE });
  });

  it('is never erased, whatever the configuration names', () => {
    const found = 'f'.repeat(64);
    const pool = { ...POOL, eraseAndTake: [{ disk: ARRAY_NOTE.disk, found }] };
    const bytes = bytesWith(array.sizeBytes, [], { dirtyAt: 70n * MIB, fingerprint: found });
    const facts: DiskFacts = {
      disk: array,
      usage: UNUSED,
      content: { is: 'read', bytes },
      twins: [],
      cordon: ABSENT,
    };
    expect(judge(facts, [pool], SELF)).toMatchObject({
      is: 'refused',
      first: { reason: 'unrecognised data' },
    });
  });
});
