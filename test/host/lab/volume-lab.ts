import { basename } from 'node:path';
import { NO_CRASHPOINTS } from '../../../src/host/crashpoint.ts';
import { createDurable } from '../../../src/host/durable.ts';
import { createExec } from '../../../src/host/exec.ts';
import type { Notice } from '../../../src/model/notice.ts';
import { DRIVER_NAME, type Pool } from '../../../src/model/pool.ts';
import { CordonFile } from '../../../src/pools/cordons.ts';
import { Pools } from '../../../src/pools/pools.ts';
import { Records } from '../../../src/volumes/records.ts';
import { VolumeService } from '../../../src/volumes/service.ts';
import { Lab } from '../lab.ts';

const MIB = 1024n ** 2n;

/** The driver's volumes on one loop disk, in this process: without gRPC, and with the time that a test says. */
export class VolumeLab implements AsyncDisposable {
  readonly exec = createExec({ crashpoints: NO_CRASHPOINTS });
  readonly notices: Notice[] = [];
  readonly pools: Pools;
  readonly records: Records;
  readonly service: VolumeService;
  readonly #lab: Lab;

  private constructor(lab: Lab, records: Records, cordons: CordonFile, path: string) {
    const id = basename(lab.folder);
    const self = { driver: DRIVER_NAME, node: `node-${id}`, machine: `machine-${id}` };
    const notify = (notice: Notice): void => void this.notices.push(notice);
    const { exec } = this;
    this.#lab = lab;
    this.records = records;
    this.pools = new Pools({
      exec,
      self,
      configuration: { pools: [poolOf(path)], orphans: 'report' },
      cordons,
      notify,
    });
    const { pools } = this;
    this.service = new VolumeService({
      self,
      exec,
      crashpoints: NO_CRASHPOINTS,
      pools,
      records,
      notify,
      kernel: '6.12',
    });
  }

  static async create(): Promise<VolumeLab> {
    const lab = await Lab.create();
    const path = await lab.attach(await lab.image('disk.img', 400n * MIB));
    const durable = createDurable(NO_CRASHPOINTS);
    const records = await Records.open(lab.path('state'), durable, () => undefined);
    const cordons = await CordonFile.open(lab.path('state'), durable);
    const made = new VolumeLab(lab, records, cordons, path);
    await made.service.refresh();
    return made;
  }

  /** A raw block volume. Returns its handle. */
  async createVolume(name: string): Promise<string> {
    const size = { requiredBytes: 16n * MIB, limitBytes: undefined };
    const capabilities = [{ access: { type: 'block' }, mode: 'SINGLE_NODE_WRITER' }] as const;
    const parameters = { pool: undefined, mkfsOptions: [] };
    return (await this.service.create({ name, size, capabilities, parameters, claim: undefined })).handle;
  }

  /** Handles of the volumes whose slice is there. */
  volumes(): readonly string[] {
    return this.pools
      .placed()
      .filter(({ slice }) => slice.state !== 'quarantine')
      .map(({ slice }) => slice.id);
  }

  /** As if all volumes had been made earlier. */
  async age(ms: number): Promise<void> {
    for (const record of this.records.all())
      await this.records.write({ ...record, createdAt: new Date(Date.now() - ms).toISOString() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.stop();
    await this.#lab[Symbol.asyncDispose]();
  }
}

function poolOf(path: string): Pool {
  return {
    name: 'fast',
    match: [{ path }],
    minSizeBytes: 1n,
    eraseAndTake: [],
    array: 'none',
    carving: 'partition',
    sanitize: { method: 'none' },
    sanitizeBytesPerSecond: undefined,
  };
}
