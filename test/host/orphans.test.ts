import { basename } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { NO_CRASHPOINTS } from '../../src/host/crashpoint.ts';
import { createDurable } from '../../src/host/durable.ts';
import { createExec } from '../../src/host/exec.ts';
import { ABSENT, type Answer, present, unknown } from '../../src/model/answer.ts';
import type { Notice } from '../../src/model/notice.ts';
import { ORPHAN_AGE_MS, ORPHAN_GRACE_MS, type OrphanPolicy } from '../../src/model/orphan.ts';
import { DRIVER_NAME, type Pool } from '../../src/model/pool.ts';
import { parseUuid } from '../../src/model/uuid.ts';
import { Pools } from '../../src/pools/pools.ts';
import { setPrepared } from '../../src/pools/slices.ts';
import { Records } from '../../src/volumes/records.ts';
import { VolumeService } from '../../src/volumes/service.ts';
import { Lab } from './lab.ts';

const MIB = 1024n ** 2n;
const exec = createExec({ crashpoints: NO_CRASHPOINTS });
/** A bound for a machine under load, not a measure. */
jest.setTimeout(300_000);

describe('lookForOrphans()', () => {
  let lab: Lab;
  let pools: Pools;
  let records: Records;
  let service: VolumeService;
  let notices: Notice[];
  let asked: (string | undefined)[];
  let handle: string;

  beforeEach(async () => {
    lab = await Lab.create();
    const path = await lab.attach(await lab.image('disk.img', 400n * MIB));
    const id = basename(lab.folder);
    const self = { driver: DRIVER_NAME, node: `node-${id}`, machine: `machine-${id}` };
    [notices, asked] = [[], []];
    const notify = (notice: Notice): void => void notices.push(notice);
    pools = new Pools({ exec, self, configuration: { pools: [poolOf(path)], orphans: 'report' }, notify });
    records = await Records.open(lab.path('state'), createDurable(NO_CRASHPOINTS), () => undefined);
    service = new VolumeService({
      self,
      exec,
      crashpoints: NO_CRASHPOINTS,
      pools,
      records,
      notify,
      kernel: '6.12',
    });
    await service.refresh();
    handle = await create('pvc-1');
  });
  afterEach(async () => {
    await service.stop();
    await lab[Symbol.asyncDispose]();
  });

  async function create(name: string): Promise<string> {
    const size = { requiredBytes: 16n * MIB, limitBytes: undefined };
    const capabilities = [{ access: { type: 'block' }, mode: 'SINGLE_NODE_WRITER' }] as const;
    const parameters = { pool: undefined, mkfsOptions: [] };
    return (await service.create({ name, size, capabilities, parameters, claim: undefined })).handle;
  }

  /** As if the volume had been made earlier. */
  async function age(ms: number): Promise<void> {
    for (const record of records.all())
      await records.write({ ...record, createdAt: new Date(Date.now() - ms).toISOString() });
  }

  const look = (answer: Answer<unknown>, nowMs: number, policy: OrphanPolicy = 'delete'): Promise<void> => {
    const find = async (_handle: string, name: string | undefined) => {
      asked.push(name);
      return answer;
    };
    return service.lookForOrphans(find, policy, nowMs);
  };
  const orphans = () => notices.filter(({ notice }) => notice === 'orphan');
  const isThere = () =>
    pools.placed().some(({ slice }) => slice.id === parseUuid(handle) && slice.state !== 'quarantine');

  it('asks nothing about a volume that was made just now', async () => {
    await look(ABSENT, 0);
    expect(asked).toEqual([]);
    await age(ORPHAN_AGE_MS);
    await look(ABSENT, 0);
    expect(asked).toEqual(['pvc-1']);
  });

  it('tells and deletes one that nobody used, after its grace, once', async () => {
    await age(ORPHAN_AGE_MS);
    await look(ABSENT, 0);
    await look(ABSENT, ORPHAN_GRACE_MS - 1);
    expect({ told: orphans(), there: isThere() }).toEqual({ told: [], there: true });
    await look(ABSENT, ORPHAN_GRACE_MS);
    expect(orphans()).toMatchObject([{ handle, name: 'pvc-1', wasStaged: false, isDeletable: true }]);
    expect(isThere()).toBe(false);
    expect(records.all()).toEqual([]);
  });

  it('keeps it unless the configuration says otherwise, and shows it', async () => {
    await age(ORPHAN_AGE_MS);
    await look(ABSENT, 0, 'report');
    await look(ABSENT, ORPHAN_GRACE_MS, 'report');
    await look(ABSENT, 100 * ORPHAN_GRACE_MS, 'report');
    expect(orphans()).toMatchObject([{ handle, isDeletable: false }]);
    expect(service.census().orphans).toEqual([{ pool: 'fast' }]);
    expect(isThere()).toBe(true);
  });

  it('never deletes what was staged', async () => {
    const [placed] = pools.placed();
    if (placed === undefined) throw new Error('no slice');
    await setPrepared(exec, placed, 'block');
    await age(ORPHAN_AGE_MS);
    await look(ABSENT, 0);
    await look(ABSENT, ORPHAN_GRACE_MS);
    expect(orphans()).toMatchObject([{ handle, wasStaged: true, isDeletable: false }]);
    expect(isThere()).toBe(true);
  });

  it('does not delete what is staged while the cluster is asked', async () => {
    await age(ORPHAN_AGE_MS);
    await look(ABSENT, 0);
    const stageMeanwhile = async (): Promise<Answer<unknown>> => {
      const [placed] = pools.placed();
      if (placed !== undefined) await setPrepared(exec, placed, 'block');
      return ABSENT;
    };
    await service.lookForOrphans(stageMeanwhile, 'delete', ORPHAN_GRACE_MS);
    expect(orphans()).toHaveLength(1);
    expect(isThere()).toBe(true);
  });

  it('counts neither silence nor a volume that came back as an absence', async () => {
    await age(ORPHAN_AGE_MS);
    await look(ABSENT, 0);
    await look(unknown('HTTP 500'), ORPHAN_GRACE_MS);
    await look(present('pv'), 2 * ORPHAN_GRACE_MS);
    await look(ABSENT, 10 * ORPHAN_GRACE_MS);
    expect(orphans()).toEqual([]);
    expect(asked).toHaveLength(4);
  });

  it('begins anew when the provisioner asks for the volume again', async () => {
    await age(ORPHAN_AGE_MS);
    await look(ABSENT, 0);
    await create('pvc-1');
    await look(ABSENT, ORPHAN_GRACE_MS);
    expect(orphans()).toEqual([]);
  });

  it('asks no further in a round in which the cluster is silent', async () => {
    await create('pvc-2');
    await age(ORPHAN_AGE_MS);
    await look(unknown('HTTP 500'), 0);
    expect(asked).toHaveLength(1);
  });
});

function poolOf(path: string): Pool {
  return {
    name: 'fast',
    match: [{ path }],
    minSizeBytes: 1n,
    eraseAndTake: [],
    array: 'none',
    carving: 'partition',
    sanitize: { method: 'none' },
  };
}
