import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { cleanUp } from '../host/lab/cleanup.ts';
import { run } from '../host/lab/tool.ts';
import { Driver } from '../player/driver.ts';
import { type Made, Player } from '../player/player.ts';
import type { Scenario } from './scenario.ts';
import { orphans, readState, type State } from './state.ts';

const MIB = 1024n ** 2n;
const CALL_TIMEOUT_MS = 90_000;
const PAUSE_MS = 15;
const DATA_BYTES = 256 * 1024;
/** Into a block volume, so that what lies at its start and its end stays zero for others to look at. */
const DATA_AT = Number(MIB);
/** Other drivers on the machine look at this disk, too, and have it open for a moment. */
const CLEANING_TIMEOUT_MS = 10_000;
/** How long a driver that shall die may take for it when its call has answered already. */
const DEATH_TIMEOUT_MS = 5_000;

/** One disk, the driver of it, and the kubelet and provisioner that call the driver until it has done what they want. */
export class World {
  readonly folder: string;
  readonly scenario: Scenario;
  readonly player: Player;
  readonly data: Buffer;
  made: Made | undefined;
  device = '';
  restarts = 0;
  /** What was free before the first volume. */
  emptyBytes = 0n;
  #driver: Driver | undefined;
  #config = '';

  constructor(folder: string, scenario: Scenario) {
    this.folder = folder;
    this.scenario = scenario;
    this.player = new Player(() => this.driver.client, join(folder, 'kubelet'));
    const seed = createHash('sha256').update(scenario.name).digest();
    this.data = Buffer.concat(Array.from({ length: DATA_BYTES / seed.length }, () => seed));
  }

  get driver(): Driver {
    if (this.#driver === undefined) throw new Error('no driver was started');
    return this.#driver;
  }

  get volume(): Made {
    if (this.made === undefined) throw new Error('no volume was made');
    return this.made;
  }

  /** A disk as the scenario wants it, and nothing else. */
  async begin(): Promise<void> {
    await this.clear();
    await mkdir(this.folder, { recursive: true });
    const file = await open(this.image, 'wx');
    await file.truncate(Number(this.scenario.diskBytes));
    for (const [at, bytes] of this.scenario.dirt) await file.write(bytes, 0, bytes.length, at);
    await file.close();
    await this.attach();
  }

  async clear(): Promise<void> {
    if (this.#driver !== undefined) await this.#driver.kill();
    this.#driver = undefined;
    for (const until = Date.now() + CLEANING_TIMEOUT_MS; ; await sleep(PAUSE_MS)) {
      const error = await cleanUp(this.folder).catch((one: unknown) => one);
      if (error === undefined) return;
      if (Date.now() > until) throw error;
    }
  }

  /** Resolves also when the driver died on its way: whoever calls it next starts it again. */
  async start(
    options: { readonly crashpoints?: string; readonly under?: readonly string[] } = {},
  ): Promise<void> {
    this.restarts = 0;
    const env = { INSTANCE_STORE_CSI_CRASHPOINTS: options.crashpoints ?? '' };
    const { folder } = this;
    const { under = [] } = options;
    this.#driver = await Driver.spawn({ folder, config: this.#config, env, under });
  }

  async stop(): Promise<void> {
    await this.driver.stop();
    await this.#expectNoOrphans();
  }

  /**
   * A call as kubelet and provisioner make it: again and again while the driver is away or busy.
   * A driver that died is started once more, without crash points.
   */
  async call<T>(act: (player: Player) => Promise<T>): Promise<T> {
    const until = Date.now() + CALL_TIMEOUT_MS;
    for (;;) {
      try {
        await this.#ready();
        return await act(this.player);
      } catch (error) {
        if (!(await this.#mayRepeat(error)) || Date.now() > until) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }

  async #ready(): Promise<void> {
    if (this.driver.ended()) await this.#restart();
    await this.driver.ready();
  }

  async #mayRepeat(error: unknown): Promise<boolean> {
    if (this.driver.ended()) return true;
    const code = (error as { code?: unknown }).code;
    if (code === status.UNAVAILABLE || code === status.CANCELLED) {
      // The connection is lost a moment before the process is seen to be gone.
      await Promise.race([this.driver.waitForEnd(), sleep(100)]);
      return true;
    }
    return code === status.ABORTED;
  }

  async #restart(): Promise<void> {
    const ended = this.driver.process.signalCode ?? this.driver.process.exitCode;
    if (ended !== 'SIGKILL')
      throw new Error(`the driver ended by itself: ${ended}; see ${this.driver.logFile}`);
    const restarts = this.restarts + 1;
    if (restarts > 1) throw new Error('the driver was killed twice');
    this.driver.client.close();
    await this.start();
    this.restarts = restarts;
  }

  /** The driver was to be killed: see that it was, at the latest now that its call has answered, and start it again. */
  async expectKilled(): Promise<void> {
    if (this.restarts === 0) {
      await Promise.race([this.driver.waitForEnd(), sleep(DEATH_TIMEOUT_MS, undefined, { ref: false })]);
      if (!this.driver.ended()) throw new Error('the driver was not killed: the point was not reached');
    }
    await this.#ready();
  }

  async state(): Promise<State> {
    await this.#expectNoOrphans();
    return readState({ ...this, client: this.driver.client });
  }

  /** The kernel ends the children of a killed driver, but not in the same moment. */
  async #expectNoOrphans(): Promise<void> {
    const { pid } = this.driver.process;
    for (const until = Date.now() + DEATH_TIMEOUT_MS; ; await sleep(PAUSE_MS)) {
      const left = await orphans(this, this.driver.ended() ? undefined : pid);
      if (left.length === 0) return;
      if (Date.now() > until) throw new Error(`left behind: ${left.join(', ')}`);
    }
  }

  /** Through the pod's own path, as a database would: written, flushed. */
  async writeData(path: string): Promise<void> {
    const file = await open(...this.#dataIn(path, 'w'));
    await file.write(this.data, 0, this.data.length, this.#dataAt);
    await file.sync();
    await file.close();
  }

  async expectData(path: string): Promise<void> {
    const file = await open(...this.#dataIn(path, 'r'));
    const { buffer } = await file.read(Buffer.alloc(this.data.length), 0, this.data.length, this.#dataAt);
    await file.close();
    if (Buffer.compare(buffer, this.data) !== 0) throw new Error(`DATA LOST at ${path}`);
  }

  get #dataAt(): number {
    return this.scenario.access === 'block' ? DATA_AT : 0;
  }

  #dataIn(path: string, flags: 'r' | 'w'): readonly [string, string] {
    return this.scenario.access === 'block'
      ? [path, flags === 'w' ? 'r+' : 'r']
      : [join(path, 'data'), flags];
  }

  get image(): string {
    return join(this.folder, 'disk.img');
  }

  async attach(): Promise<void> {
    this.device = (await run('losetup', ['--find', '--show', this.image])).trim();
    this.#config = await this.scenario.config(this.device, this.image);
  }
}
