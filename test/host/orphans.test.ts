import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ABSENT, type Answer, present, unknown } from '../../src/model/answer.ts';
import { ORPHAN_AGE_MS, ORPHAN_GRACE_MS, type OrphanPolicy } from '../../src/model/orphan.ts';
import { setPrepared } from '../../src/pools/slices.ts';
import { VolumeLab } from './lab/volume-lab.ts';

/** A bound for a machine under load, not a measure. */
jest.setTimeout(300_000);

describe('lookForOrphans()', () => {
  let lab: VolumeLab;
  let asked: (string | undefined)[];
  let handle: string;

  beforeEach(async () => {
    lab = await VolumeLab.create();
    asked = [];
    handle = await lab.createVolume('pvc-1');
  });
  afterEach(async () => lab[Symbol.asyncDispose]());

  const look = (answer: Answer<unknown>, nowMs: number, policy: OrphanPolicy = 'delete'): Promise<void> => {
    const find = async (_handle: string, name: string | undefined) => {
      asked.push(name);
      return answer;
    };
    return lab.service.lookForOrphans(find, policy, nowMs);
  };
  const orphans = () => lab.notices.filter(({ notice }) => notice === 'orphan');
  const isThere = () => lab.volumes().includes(handle);

  it('asks nothing about a volume that was made just now', async () => {
    await look(ABSENT, 0);
    expect(asked).toEqual([]);
    await lab.age(ORPHAN_AGE_MS);
    await look(ABSENT, 0);
    expect(asked).toEqual(['pvc-1']);
  });

  it('tells and deletes one that nobody used, after its grace, once', async () => {
    await lab.age(ORPHAN_AGE_MS);
    await look(ABSENT, 0);
    await look(ABSENT, ORPHAN_GRACE_MS - 1);
    expect({ told: orphans(), there: isThere() }).toEqual({ told: [], there: true });
    await look(ABSENT, ORPHAN_GRACE_MS);
    expect(orphans()).toMatchObject([{ handle, name: 'pvc-1', wasStaged: false, isDeletable: true }]);
    expect(isThere()).toBe(false);
    expect(lab.records.all()).toEqual([]);
  });

  it('keeps it unless the configuration says otherwise, and shows it', async () => {
    await lab.age(ORPHAN_AGE_MS);
    await look(ABSENT, 0, 'report');
    await look(ABSENT, ORPHAN_GRACE_MS, 'report');
    await look(ABSENT, 100 * ORPHAN_GRACE_MS, 'report');
    expect(orphans()).toMatchObject([{ handle, isDeletable: false }]);
    expect(lab.service.census().orphans).toEqual([{ pool: 'fast' }]);
    expect(isThere()).toBe(true);
  });

  it('never deletes what was staged', async () => {
    const [placed] = lab.pools.placed();
    if (placed === undefined) throw new Error('no slice');
    await setPrepared(lab.exec, placed, 'block');
    await lab.age(ORPHAN_AGE_MS);
    await look(ABSENT, 0);
    await look(ABSENT, ORPHAN_GRACE_MS);
    expect(orphans()).toMatchObject([{ handle, wasStaged: true, isDeletable: false }]);
    expect(isThere()).toBe(true);
  });

  it('does not delete what is staged while the cluster is asked', async () => {
    await lab.age(ORPHAN_AGE_MS);
    await look(ABSENT, 0);
    const stageMeanwhile = async (): Promise<Answer<unknown>> => {
      const [placed] = lab.pools.placed();
      if (placed !== undefined) await setPrepared(lab.exec, placed, 'block');
      return ABSENT;
    };
    await lab.service.lookForOrphans(stageMeanwhile, 'delete', ORPHAN_GRACE_MS);
    expect(orphans()).toHaveLength(1);
    expect(isThere()).toBe(true);
  });

  it('counts neither silence nor a volume that came back as an absence', async () => {
    await lab.age(ORPHAN_AGE_MS);
    await look(ABSENT, 0);
    await look(unknown('HTTP 500'), ORPHAN_GRACE_MS);
    await look(present('pv'), 2 * ORPHAN_GRACE_MS);
    await look(ABSENT, 10 * ORPHAN_GRACE_MS);
    expect(orphans()).toEqual([]);
    expect(asked).toHaveLength(4);
  });

  it('begins anew when the provisioner asks for the volume again', async () => {
    await lab.age(ORPHAN_AGE_MS);
    await look(ABSENT, 0);
    await lab.createVolume('pvc-1');
    await look(ABSENT, ORPHAN_GRACE_MS);
    expect(orphans()).toEqual([]);
  });

  it('asks no further in a round in which the cluster is silent', async () => {
    await lab.createVolume('pvc-2');
    await lab.age(ORPHAN_AGE_MS);
    await look(unknown('HTTP 500'), 0);
    expect(asked).toHaveLength(1);
  });
});
