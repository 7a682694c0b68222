import { describe, expect, it } from '@jest/globals';
import { describeStep } from '../../../src/model/step.ts';
import { healthOf } from '../../../src/pools/array-health.ts';
import { viewArrays } from '../../../src/pools/arrays.ts';
import type { Look, Looked } from '../../../src/pools/look.ts';
import { planArrays } from '../../../src/pools/plan-arrays.ts';
import { membersIn } from '../../../src/pools/see-arrays.ts';
import {
  blank,
  disk,
  joining,
  lookAt,
  looked,
  MAPPING,
  member,
  PARTITION,
  poolOf,
  refused,
  UUID,
  unread,
} from './arrays.ts';

const GIB = 1024n ** 3n;
const MADE = { made: true } as const;
const ON = { made: true, on: 'md127' } as const;
const NEW = { on: 'md127' } as const;
const R0 = poolOf('raid0', 2);
const R1 = poolOf('raid1', 3);

const stepsOf = (look: Look, pool = R0, isSettled = true) =>
  planArrays(look, [pool], () => isSettled).steps.map((step) => describeStep(step).replaceAll(UUID, 'X'));

describe('planArrays() of blank disks', () => {
  const four = lookAt(['d', 'b', 'a', 'c'].map((identity) => blank(identity, R0)));

  it('takes as many together as are counted', () => {
    expect(stepsOf(four)).toEqual([
      'take /dev/a, /dev/b for pool fast, to make a raid0 of them (blank)',
      'take /dev/c, /dev/d for pool fast, to make a raid0 of them (blank)',
    ]);
  });

  it('takes all of them when nothing new came, and none before', () => {
    const pool = poolOf('raid1');
    const look = lookAt(['b', 'a', 'c'].map((identity) => blank(identity, pool)));
    expect(stepsOf(look, pool, false)).toEqual([]);
    expect(stepsOf(look, pool)).toEqual([
      'take /dev/a, /dev/b, /dev/c for pool fast, to make a raid1 of them (blank, and nothing new for 60 s)',
    ]);
  });

  it('waits for a disk that is being erased for the pool', () => {
    const pool = poolOf('raid1');
    const verdict = { is: 'erasable', pool, fingerprint: 'f', found: [], resume: undefined } as const;
    const look = lookAt([blank('a', pool), blank('b', pool), looked(disk('z'), verdict)]);
    expect(stepsOf(look, pool)).toEqual([]);
  });

  it('says of a disk that is left what it waits for', () => {
    const { left } = planArrays(lookAt([blank('a', R0)]), [R0], () => true);
    expect(left).toMatchObject([
      { looked: { disk: { identity: 'a' } }, why: 'waits until there are 2 for a raid0' },
    ]);
  });

  it('leaves alone those of a pool that makes no arrays', () => {
    const none = { ...R0, array: 'none' } as const;
    const look = lookAt([blank('a', none), blank('b', none)]);
    expect(planArrays(look, [none], () => true)).toEqual({ arrays: [], steps: [], left: [] });
  });

  it('never adds a disk to an array that is whole, and makes the next one of those that come later', () => {
    const whole = [member('a', 'ab', ON), member('b', 'ab', ON)];
    expect(stepsOf(lookAt([...whole, blank('c', R0)], {}))).toEqual([]);
    expect(stepsOf(lookAt([...whole, blank('c', R0), blank('d', R0)], {}))).toEqual([
      'take /dev/c, /dev/d for pool fast, to make a raid0 of them (blank)',
    ]);
  });
});

describe('planArrays() of an array that was not made', () => {
  it.each<[string, Look, readonly string[]]>([
    [
      'finishes a taking that was cut short behind a note',
      lookAt([joining('a', 'ab'), blank('b', R0)]),
      ['finish taking /dev/a, /dev/b for pool fast, as parts of the raid0 md:X (@array-cut)'],
    ],
    [
      'finishes a taking that was cut short between tables',
      lookAt([member('a', 'ab'), joining('b', 'ab')]),
      ['finish taking /dev/b for pool fast, as parts of the raid0 md:X (@array-cut)'],
    ],
    [
      'makes it of its members, in their order',
      lookAt([member('a', 'ba'), member('b', 'ba')]),
      ['make the raid0 md:X of /dev/b, /dev/a (@array-due)'],
    ],
    [
      'marks it when it runs',
      lookAt([member('a', 'ab', NEW), member('b', 'ab', NEW)], { verdict: 'blank' }),
      ['mark the array md:X, /dev/md127, as made (@array-unmarked)'],
    ],
    [
      'notes on its members that it bears its mark',
      lookAt([member('a', 'ab', NEW), member('b', 'ab', NEW)], {}),
      ['mark the array md:X, /dev/md127, as made (@array-unmarked)'],
    ],
    [
      'stops what the host assembled of half of it',
      lookAt([member('a', 'ab', NEW), member('b', 'ab')], { state: 'inactive', verdict: 'none' }),
      ['stop /dev/md127, what is left of the array md:X (@array-half)'],
    ],
    ['makes nothing while a member is away', lookAt([member('a', 'ab')]), []],
    [
      'makes nothing with a member that somebody else uses now',
      lookAt([member('a', 'ab'), refused('b')]),
      [],
    ],
    [
      'makes no other array of the blank disks that it names',
      lookAt([joining('a', 'abz'), blank('b', R0)]),
      [],
    ],
    [
      'marks none that is not blank',
      lookAt([member('a', 'ab', NEW), member('b', 'ab', NEW)], { verdict: 'refused' }),
      [],
    ],
  ])('%s', (_what, look, steps) => {
    expect(stepsOf(look)).toEqual(steps);
  });
});

describe('planArrays() of an array that was made', () => {
  const broken = [member('a', 'ab', ON), member('b', 'ab', MADE)];
  const MAPPED = { gone: ['oldp2'], holders: ['dm-0'], mappings: [MAPPING] };

  it.each<[string, Look, readonly string[]]>([
    [
      'assembles it',
      lookAt([member('a', 'ab', MADE), member('b', 'ab', MADE)]),
      ['assemble the array md:X of /dev/a, /dev/b (@array-down)'],
    ],
    [
      'assembles it, too, of which only one member says that it was made',
      lookAt([member('a', 'ab', MADE), member('b', 'ab')]),
      ['assemble the array md:X of /dev/a, /dev/b (@array-down)'],
    ],
    [
      'notes it on the member that was not told',
      lookAt([member('a', 'ab', ON), member('b', 'ab', NEW)], {}),
      ['mark the array md:X, /dev/md127, as made (@array-served)'],
    ],
    ['leaves alone what runs', lookAt([member('a', 'ab', ON), member('b', 'ab', ON)], {}), []],
    [
      'stops what is broken, to assemble it anew',
      lookAt(broken, { gone: ['oldp2'] }),
      ['stop /dev/md127, what is left of the array md:X (@array-dead)'],
    ],
    [
      'does not stop what is in use',
      lookAt(broken, { gone: ['oldp2'], mounted: [PARTITION.majorMinor] }),
      [],
    ],
    [
      'does not stop what somebody else’s device stands on',
      lookAt(broken, { gone: ['oldp2'], holders: ['dm-0', 'dm-9'], mappings: [MAPPING] }),
      [],
    ],
    [
      'does not stop what bears a logical volume that is in use',
      lookAt(broken, { ...MAPPED, mounted: [MAPPING.majorMinor] }),
      [],
    ],
    [
      'does not stop what bears a logical volume that another device stands on',
      lookAt(broken, { ...MAPPED, mappings: [{ ...MAPPING, holders: ['dm-9'] }] }),
      [],
    ],
    [
      'stops it with the logical volumes that nobody uses',
      lookAt(broken, MAPPED),
      ['stop /dev/dm-0, /dev/md127, what is left of the array md:X (@array-dead)'],
    ],
    ['makes nothing of a raid0 that lacks a member', lookAt([member('a', 'ab', MADE)]), []],
    ['makes nothing of it with a blank disk', lookAt([member('a', 'ab', MADE), blank('b', R0)]), []],
    [
      'touches nothing that the kernel has put together otherwise',
      lookAt([member('a', 'ab', ON), member('b', 'ab', ON)], { uuid: undefined }),
      [],
    ],
    [
      'touches nothing whose mark is gone',
      lookAt([member('a', 'ab', ON), member('b', 'ab', ON)], { verdict: 'refused' }),
      [],
    ],
  ])('%s', (_what, look, steps) => {
    expect(stepsOf(look)).toEqual(steps);
  });
});

describe('planArrays() of a mirror', () => {
  const RAID1 = { array: 'raid1', chunkBytes: 0n } as const;
  const a = member('a', 'ab', { ...RAID1, ...ON });
  const b = member('b', 'ab', { ...RAID1, ...MADE });
  const failed = member('b', 'ab', { ...RAID1, ...ON });
  const c = member('c', 'ac', { ...RAID1, revision: 2 });
  const degraded = { level: 'raid1', degraded: 1 } as const;

  it('is assembled without a member only after that was waited for', () => {
    const look = lookAt([member('a', 'ab', { ...RAID1, ...MADE })]);
    expect(stepsOf(look, R1, false)).toEqual([]);
    expect(stepsOf(look, R1)).toEqual(['assemble the array md:X of /dev/a, without b (@array-down)']);
  });

  it.each<[string, Look, readonly string[]]>([
    [
      'takes out first what is gone',
      lookAt([a, blank('c', R1)], { level: 'raid1', gone: ['bp2'] }),
      ['take bp2 out of the array /dev/md127 (it is gone)'],
    ],
    [
      'takes in again a member that came back',
      lookAt([a, b], degraded),
      ['rebuild the array /dev/md127 onto /dev/bp2 (it is not a part)'],
    ],
    [
      'takes a blank disk in place of a member that is away',
      lookAt([a, blank('c', R1)], degraded),
      ['take /dev/c into the array md:X in place of b (it is missing)'],
    ],
    [
      'takes the member itself that came back blank, and no other disk',
      lookAt([a, blank('c', R1), blank('b', R1)], degraded),
      ['take /dev/b into the array md:X in place of b (it is missing)'],
    ],
    [
      'finishes the taking of another disk that was cut short',
      lookAt([a, joining('c', 'ac', { ...RAID1, revision: 2 })], degraded),
      ['finish taking /dev/c for pool fast, as parts of the raid1 md:X (a taking was cut short)'],
    ],
    [
      'adds the disk that was taken',
      lookAt([a, c], degraded),
      ['rebuild the array /dev/md127 onto /dev/cp2 (it is not a part)'],
    ],
    [
      'notes on a disk that was added that the array was made',
      lookAt([a, member('c', 'ac', { ...RAID1, ...NEW, revision: 2 })], degraded),
      ['mark the array md:X, /dev/md127, as made (@array-served)'],
    ],
    [
      'keeps out a member that was replaced',
      lookAt([a, member('c', 'ac', { ...RAID1, ...ON, revision: 2 }), b], { level: 'raid1' }),
      [],
    ],
    [
      'takes a blank disk in place of a member that has failed',
      lookAt([a, failed, blank('c', R1)], { ...degraded, failed: ['bp2'] }),
      ['take /dev/c into the array md:X in place of b (it is missing)'],
    ],
    [
      'takes out a failed member that was replaced',
      lookAt([a, failed, c], { ...degraded, failed: ['bp2'] }),
      ['take bp2 out of the array /dev/md127 (it is gone)'],
    ],
    [
      'takes no disk that is too small or has other sectors',
      lookAt([a, blank('c', R1, { sizeBytes: GIB }), blank('d', R1, { logicalBlockBytes: 4096 })], degraded),
      [],
    ],
  ])('%s', (_what, look, steps) => {
    expect(stepsOf(look, R1)).toEqual(steps);
  });

  it('takes no disk for two places of it, and first the one that came back blank to its own', () => {
    const three = member('a', 'abc', { ...RAID1, ...ON });
    expect(stepsOf(lookAt([three, blank('c', R1)], degraded), R1)).toEqual([
      'take /dev/c into the array md:X in place of c (it is missing)',
    ]);
    const small = blank('b', R1, { sizeBytes: GIB });
    expect(stepsOf(lookAt([three, small], degraded), R1)).toEqual([]);
    expect(stepsOf(lookAt([three, small, blank('c', R1)], degraded), R1)).toEqual([
      'take /dev/c into the array md:X in place of c (it is missing)',
    ]);
  });

  it('leaves a disk that came back blank to it, and makes no other array of that', () => {
    const two = poolOf('raid1', 2);
    const look = lookAt([a, blank('b', two), blank('z', two)], degraded);
    expect(stepsOf(look, two, false)).toEqual([]);
  });

  it('touches nothing while one that was replaced works in it again: the others are newer', () => {
    const old = member('b', 'ab', { ...RAID1, ...ON });
    const back = member('a', 'ab', { ...RAID1, ...MADE });
    const newer = member('c', 'ac', { ...RAID1, ...MADE, revision: 2 });
    const look = lookAt([old, back, newer], degraded);
    expect(viewArrays(look, () => true)[0]?.decided).toEqual({ decision: 'refuse', label: '@array-strange' });
    expect(stepsOf(look, R1)).toEqual([]);
  });

  it.each(['cd', 'dc'])(
    'has of two that were taken apart the one that was taken last: met as %s',
    (order) => {
      const takenAt = { c: '2026-01-01T00:00:00.000Z', d: '2026-02-01T00:00:00.000Z' } as const;
      const taken = (identity: string) =>
        member(identity, `a${identity}`, {
          ...RAID1,
          ...MADE,
          revision: 2,
          takenAt: takenAt[identity as 'c' | 'd'],
        });
      const [view] = viewArrays(lookAt([...[...order].map(taken), a], degraded), () => true);
      expect(view?.members.map(({ identity }) => identity)).toEqual(['a', 'd']);
      expect(view?.former.map(({ disk: { identity } }) => identity)).toEqual(['c']);
    },
  );

  it.each<[string, readonly Looked[]]>([
    ['a replacement is all that is here', [c]],
    ['a replacement is here, and a member came back blank', [c, blank('a', R1)]],
    ['a replacement is here, and the one that it replaces', [c, b]],
  ])('was made when %s', (_what, disks) => {
    const look = lookAt(disks);
    expect(viewArrays(look, () => true)[0]?.isMade).toBe(true);
    expect(stepsOf(look, R1).filter((step) => /^(make|finish taking)/.test(step))).toEqual([]);
  });

  it('keeps a disk that cannot be read as long as it works in it, and takes another when it has failed', () => {
    const look = lookAt([a, unread('b', 'md127'), blank('c', R1)], { level: 'raid1' });
    expect(stepsOf(look, R1)).toEqual([]);
    const dying = { ...degraded, failed: ['bp2'] };
    expect(stepsOf(lookAt([a, unread('b', 'md127'), blank('c', R1)], dying), R1)).toEqual([
      'take /dev/c into the array md:X in place of b (it is missing)',
    ]);
    expect(stepsOf(lookAt([a, unread('b', 'md127'), c], dying), R1)).toEqual([
      'take bp2 out of the array /dev/md127 (it is gone)',
    ]);
  });

  it('starts without a disk that cannot be read, when that was waited for', () => {
    const look = lookAt([member('a', 'ab', { ...RAID1, ...MADE }), unread('b')]);
    expect(stepsOf(look, R1, false)).toEqual([]);
    expect(stepsOf(look, R1)).toEqual(['assemble the array md:X of /dev/a, without b (@array-down)']);
    expect(stepsOf(lookAt([a, unread('b'), blank('c', R1)], degraded), R1)).toEqual([
      'take /dev/c into the array md:X in place of b (it is missing)',
    ]);
  });

  it('takes no other disk while the member may still come', () => {
    expect(stepsOf(lookAt([a, blank('c', R1)], degraded), R1, false)).toEqual([]);
  });

  it('takes a disk for one array, not for two', () => {
    const second = '00000000-2222-4333-8444-555555555555' as typeof UUID;
    const p = member('p', 'pq', { ...RAID1, made: true, on: 'md126', arrayUuid: second });
    const look = lookAt([a, p, blank('z', R1)], degraded);
    const [seen] = look.arrays;
    if (seen === undefined) throw new Error('an array is wanted');
    const two = [seen, { ...seen, md: { ...seen.md, name: 'md126' }, touches: [second], uuid: second }];
    const other = look.disks
      .filter((one) => one.disk.name === 'md127')
      .map((one) => ({
        ...one,
        disk: { ...one.disk, name: 'md126' },
      }));
    expect(stepsOf({ ...look, disks: [...look.disks, ...other], arrays: two }, R1)).toEqual([
      `take /dev/z into the array md:${second} in place of q (it is missing)`,
    ]);
  });
});

describe('planArrays() of a mirror of which a part is in no array', () => {
  const RAID1 = { array: 'raid1', chunkBytes: 0n } as const;
  const idle = { ...RAID1, ...MADE };
  const both = lookAt([member('a', 'ab', idle), member('b', 'ab', idle)]);
  const half = lookAt([member('a', 'ab', { ...RAID1, ...ON }), member('b', 'ab', idle)], {
    level: 'raid1',
    degraded: 1,
  });
  const knowing = (look: Look, a: readonly number[], b: readonly number[]): Look => ({
    ...look,
    superblocks: new Map([
      ['a', { active: a, isPartial: false }],
      ['b', { active: b, isPartial: false }],
    ]),
  });
  const planned = (look: Look) => {
    const [view] = viewArrays(look, () => true);
    return [stepsOf(look, R1), view === undefined ? undefined : healthOf(view).what];
  };
  const APART = 'its members have each run without the other, and differ';

  it('starts neither half when each has run alone', () => {
    expect(planned(knowing(both, [0], [1]))).toEqual([[], APART]);
  });

  it('keeps a half that has run alone out of the one that runs', () => {
    expect(planned(knowing(half, [0], [1]))).toEqual([[], APART]);
  });

  it('starts both, or takes one in, when one was left behind', () => {
    expect(stepsOf(knowing(both, [0], [0, 1]), R1)).toEqual([
      'assemble the array md:X of /dev/a, /dev/b (@array-down)',
    ]);
    expect(stepsOf(knowing(half, [0], [0, 1]), R1)).toEqual([
      'rebuild the array /dev/md127 onto /dev/bp2 (it is not a part)',
    ]);
  });

  it('is lost with a member alone that was not rebuilt to its end', () => {
    const alone = lookAt([member('b', 'ab', idle)]);
    const superblocks = new Map([['b', { active: [0, 1], isPartial: true }]]);
    expect(planned({ ...alone, superblocks })).toEqual([[], '1 of 2 members missing: a']);
    expect(viewArrays({ ...alone, superblocks }, () => true)[0]?.decided.decision).toBe('lost');
    expect(stepsOf({ ...both, superblocks }, R1, false)).toEqual([
      'assemble the array md:X of /dev/a, /dev/b (@array-down)',
    ]);
  });
});

describe('a raid0 whose disk is late, or cannot be read', () => {
  const a = member('a', 'ab', MADE);
  const standing = (look: Look, isSettled = true) =>
    viewArrays(look, () => isSettled).map((view) => [view.decided.label, healthOf(view).what])[0];

  it('waits for a disk before it is lost', () => {
    const missing = '1 of 2 members missing: b';
    expect(standing(lookAt([a]), false)).toEqual(['@array-late', missing]);
    expect(standing(lookAt([a]))).toEqual(['@array-lost', missing]);
  });

  it('is lost at once with a disk that came back blank', () => {
    expect(standing(lookAt([a, blank('b', R0)]), false)?.[0]).toBe('@array-lost');
  });

  it('is not lost while one cannot be read', () => {
    expect(standing(lookAt([a, unread('b')]))).toEqual(['@array-late', 'what b bears cannot be told now']);
  });

  it('is not made while one cannot be read', () => {
    expect(standing(lookAt([member('a', 'ab'), unread('b')]))?.[0]).toBe('@array-short');
  });

  it('is lost with a disk that another node has marked', () => {
    const first = { reason: "another node's mark", detail: 'n' } as const;
    const other = looked(disk('b'), { is: 'refused', first, others: [] });
    expect(standing(lookAt([a, other]))?.[0]).toBe('@array-lost');
  });
});

describe('membersIn() an md device', () => {
  const idle = { state: 'clean', failed: [], degraded: 0, sync: undefined };
  const md = { ...idle, name: 'md127', parts: ['ap2', 'bp2'] };
  const a = member('a', 'ab', ON);

  it('are those of one array', () => {
    expect(membersIn(md, [a, member('b', 'ab', ON)])).toEqual({ touches: [UUID], only: UUID, gone: [] });
  });

  it('may be one that cannot be read now', () => {
    expect(membersIn(md, [a, unread('b', 'md127')]).only).toBe(UUID);
  });

  it.each([
    ['a disk of somebody else’s', { ...refused('b'), disk: unread('b', 'md127').disk }],
    ['one that cannot be read and that no note names', unread('z', 'md127')],
  ])('are none beside %s', (_what, other) => {
    expect(membersIn(md, [a, other])).toMatchObject({ touches: [UUID], only: undefined });
  });
});

describe('healthOf() an array', () => {
  const RAID1 = { array: 'raid1', chunkBytes: 0n } as const;
  const of = (look: Look) => viewArrays(look, () => true).map((view) => healthOf(view))[0];
  const broken = [member('a', 'ab', ON), member('b', 'ab', MADE)];

  it.each<[string, Look, string, string]>([
    ['one that runs', lookAt([member('a', 'ab', ON), member('b', 'ab', ON)], {}), 'whole', 'whole'],
    [
      'a mirror without a member',
      lookAt([member('a', 'ab', { ...RAID1, ...ON })], { level: 'raid1', degraded: 1 }),
      'degraded',
      '1 of 2 members missing: b',
    ],
    [
      'a mirror that is being rebuilt',
      lookAt([member('a', 'ab', { ...RAID1, ...ON }), member('b', 'ab', { ...RAID1, ...ON })], {
        level: 'raid1',
        degraded: 1,
      }),
      'degraded',
      'a member is being rebuilt',
    ],
    ['a raid0 without a member', lookAt([member('a', 'ab', MADE)]), 'lost', '1 of 2 members missing: b'],
    [
      'a raid0 of which one came back blank',
      lookAt([member('a', 'ab', MADE), blank('b', R0)]),
      'lost',
      '1 of 2 members missing: b',
    ],
    ['one that was never made', lookAt([member('a', 'ab')]), 'waiting', '1 of 2 members missing: b'],
    [
      'one that is broken and mounted',
      lookAt(broken, { gone: ['oldp2'], mounted: [PARTITION.majorMinor] }),
      'waiting',
      'it is broken, and still in use',
    ],
  ])('says how stands %s', (_what, look, is, what) => {
    expect(of(look)).toMatchObject({ is, what });
  });
});
