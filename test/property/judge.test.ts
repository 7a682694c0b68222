import { describe, expect, it } from '@jest/globals';
import fc, { type Arbitrary } from 'fast-check';
import { ABSENT, type Answer, present, unknown } from '../../src/model/answer.ts';
import type { Cordon } from '../../src/model/cordon.ts';
import type { Content, Disk, Usage } from '../../src/model/disk.ts';
import { type DiskFacts, judge, REFUSALS } from '../../src/model/judge.ts';
import { isZero, readMark } from '../../src/model/mark.ts';
import type { Pool } from '../../src/model/pool.ts';
import { twinsOf } from '../../src/pools/look.ts';
import { SELF } from '../unit/model/fixtures.ts';
import { anyBytesOf, anyDisk, anyPool, anyUsage } from './arbitraries.ts';

type Seen = {
  readonly disk: Disk;
  readonly usage: Usage;
  readonly content: Content;
  readonly cordon: Answer<Cordon>;
};

function anyContentOf(disk: Disk): Arbitrary<Content> {
  return fc.oneof(
    { weight: 8, arbitrary: anyBytesOf(disk).map((bytes) => ({ is: 'read' as const, bytes })) },
    fc.constant({ is: 'unread' as const }),
    fc.constant({ is: 'failed' as const, why: 'EIO' }),
  );
}

const since = '2026-01-02T03:04:05.678Z';
const anyCordon: Arbitrary<Answer<Cordon>> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(ABSENT) },
  fc.constant(unknown('nobody can read it')),
  fc.constantFrom('cordoned', 'released').map((state) => present<Cordon>({ state, since })),
);

const anySeen: Arbitrary<Seen> = anyDisk.chain((disk) =>
  fc.record({ disk: fc.constant(disk), usage: anyUsage, content: anyContentOf(disk), cordon: anyCordon }),
);
const anySeens = fc.uniqueArray(anySeen, { selector: ({ disk }) => disk.name, minLength: 1, maxLength: 4 });
const anyPools: Arbitrary<readonly Pool[]> = fc.array(anyPool, { maxLength: 3 });

function factsAmong(seen: Seen, others: readonly Seen[]): DiskFacts {
  const disks = [seen, ...others].map(({ disk }) => disk);
  return { ...seen, twins: twinsOf(seen.disk, disks) };
}

const anyFacts: Arbitrary<DiskFacts> = anySeens.map(([seen, ...others]) => factsAmong(seen as Seen, others));

describe('judge()', () => {
  it('calls a disk blank only if nothing was found anywhere, or only the beginning of our own taking', () => {
    fc.assert(
      fc.property(anyFacts, anyPools, (facts, pools) => {
        const verdict = judge(facts, pools, SELF);
        if (verdict.is !== 'blank') return;
        const { disk, usage, content, twins, cordon } = facts;
        expect(cordon).toEqual(ABSENT);
        if (content.is !== 'read') throw new Error('a disk that was not read is not blank');
        const zero = [content.bytes.head, content.bytes.note, content.bytes.tail].every(isZero);
        const ours = ['unfinished', 'torn-note'].includes(readMark(content.bytes, disk, SELF).is);
        expect(content.bytes).toMatchObject({ dirtyAt: 'none', exclusive: 'free' });
        expect(isZero(content.bytes.head) && (zero || ours)).toBe(true);
        expect(ours || content.bytes.signatures.length === 0).toBe(true);
        expect([usage.root, disk.readOnly, disk.removable, disk.identity === undefined]).toEqual(
          Array(4).fill(false),
        );
        expect([...usage.mounts, ...usage.swaps, ...usage.holders, ...twins]).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('lets a disk be erased only if its pool names it as it is, and nobody uses it', () => {
    fc.assert(
      fc.property(anyFacts, anyPools, (facts, pools) => {
        const verdict = judge(facts, pools, SELF);
        if (verdict.is !== 'erasable') return;
        const { disk, usage, content, cordon } = facts;
        expect(cordon).toEqual(ABSENT);
        expect(verdict.pool.eraseAndTake).toContainEqual({ disk: disk.identity, found: verdict.fingerprint });
        expect(content.is === 'read' && content.bytes.exclusive).toBe('free');
        expect([usage.root, ...usage.mounts, ...usage.swaps, ...usage.holders]).toEqual([false]);
      }),
      { numRuns: 200 },
    );
  });

  it('names every refusal in the one order', () => {
    fc.assert(
      fc.property(anyFacts, anyPools, (facts, pools) => {
        const verdict = judge(facts, pools, SELF);
        if (verdict.is !== 'refused') return;
        const places = [verdict.first, ...verdict.others].map(({ reason }) => REFUSALS.indexOf(reason));
        expect(places).toEqual(places.toSorted((a, b) => a - b));
      }),
    );
  });

  it('says the same of a disk when others come, go or are renamed, twins aside', () => {
    fc.assert(
      fc.property(anySeens, anySeens, anyPools, ([seen, ...before], after, pools) => {
        const { identity } = (seen as Seen).disk;
        const stranger = (others: readonly Seen[]) =>
          others.filter(({ disk }) => disk.identity !== identity || identity === undefined);
        const verdictAmong = (others: readonly Seen[]) =>
          judge(factsAmong(seen as Seen, stranger(others)), pools, SELF);
        expect(verdictAmong(after)).toEqual(verdictAmong(before));
      }),
    );
  });

  it('says the same of a disk under another kernel name, unless a pool asks for the name', () => {
    fc.assert(
      fc.property(anyFacts, anyPools, (facts, pools) => {
        const nameless = pools.map((pool) => ({
          ...pool,
          match: pool.match.filter(({ path }) => path === undefined),
        }));
        const renamed = {
          ...facts,
          disk: { ...facts.disk, name: 'nvme100n1', path: '/dev/nvme100n1', majorMinor: '259:77' },
        };
        expect(judge(renamed, nameless, SELF)).toEqual(judge(facts, nameless, SELF));
      }),
    );
  });

  it('refuses both of two disks with one identity, whatever is on them', () => {
    fc.assert(
      fc.property(anySeens, anyPools, ([seen], pools) => {
        const { disk } = seen as Seen;
        const twin = { ...(seen as Seen), disk: { ...disk, name: 'twin', path: '/dev/twin' } };
        const verdicts = [factsAmong(seen as Seen, [twin]), factsAmong(twin, [seen as Seen])].map((facts) =>
          judge(facts, pools, SELF),
        );
        const reason = disk.identity === undefined ? 'no identity' : 'duplicate identity';
        expect(verdicts).toMatchObject([{ first: { reason } }, { first: { reason } }]);
      }),
    );
  });
});
