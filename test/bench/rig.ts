import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Lab } from '../host/lab.ts';
import { Driver } from '../player/driver.ts';
import { Player } from '../player/player.ts';

/** Disks and one driver on them, for one measurement. Everything goes with it. */

const FREE_TIMEOUT_MS = 60_000;
const FREE_POLL_MS = 30;

export type RigPool = { readonly name: string; readonly sizeBytes: bigint };

export class Rig implements AsyncDisposable {
  readonly lab: Lab;
  readonly player: Player;
  readonly #config: string;
  readonly #pools: readonly string[];
  #driver: Driver | undefined;

  private constructor(lab: Lab, config: string, pools: readonly string[]) {
    this.lab = lab;
    this.#config = config;
    this.#pools = pools;
    this.player = new Player(() => this.driver.client, lab.path('kubelet'));
  }

  /** One disk for each pool; nothing is sanitized, as that is no part of what is measured. */
  static async create(pools: readonly RigPool[]): Promise<Rig> {
    const lab = await Lab.create();
    const decoded = [];
    for (const { name, sizeBytes } of pools) {
      const path = await lab.attach(await lab.image(`${name}.img`, sizeBytes));
      decoded.push({ name, disks: { match: [{ path }], minSize: '64Mi' }, sanitize: 'none' });
    }
    const head = { apiVersion: 'instance-store.csi.dev/v1alpha1', kind: 'DriverConfiguration' };
    await mkdir(lab.path('kubelet'));
    const names = pools.map(({ name }) => name);
    return new Rig(lab, JSON.stringify({ ...head, pools: decoded }), names);
  }

  get driver(): Driver {
    if (this.#driver === undefined) throw new Error('no driver runs on this rig');
    return this.#driver;
  }

  get endpoint(): string {
    return `unix://${this.lab.path('driver/csi.sock')}`;
  }

  /** Without waiting for it. */
  async spawn(logLevel: 'debug' | 'info' = 'info'): Promise<Driver> {
    this.#driver = await Driver.spawn({ folder: this.lab.path('driver'), config: this.#config, logLevel });
    return this.#driver;
  }

  async start(logLevel: 'debug' | 'info' = 'info'): Promise<Driver> {
    const driver = await this.spawn(logLevel);
    await driver.ready();
    for (const pool of this.#pools) await this.#untilCapacity(pool, (bytes) => bytes > 0n);
    return driver;
  }

  async stop(): Promise<void> {
    await this.#driver?.stop();
    this.#driver = undefined;
  }

  /** A deleted slice is freed after DeleteVolume answered. */
  async untilFree(pool: string, bytes: bigint): Promise<void> {
    await this.#untilCapacity(pool, (free) => free === bytes);
  }

  /** A disk that somebody had open when it was first looked at is taken by the next look. */
  async #untilCapacity(pool: string, isWanted: (freeBytes: bigint) => boolean): Promise<void> {
    const until = Date.now() + FREE_TIMEOUT_MS;
    for (;;) {
      const { availableBytes } = await this.player.capacity({ pool });
      if (isWanted(availableBytes)) return;
      if (Date.now() > until) throw new Error(`pool ${pool} has ${availableBytes} bytes free, wanted other`);
      await sleep(FREE_POLL_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#driver?.kill();
    await this.lab[Symbol.asyncDispose]();
  }
}
