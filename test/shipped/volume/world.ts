import { open, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../host/lab/tool.ts';
import { type AttachOptions, Lab } from '../../host/lab.ts';
import { Driver } from '../../player/driver.ts';
import { Player } from '../../player/player.ts';

export const MIB = 1024n ** 2n;
export const GIB = 1024n ** 3n;

/** One pool of the configuration; `disks` are paths. */
export type PoolLine = {
  readonly name?: string;
  readonly disks: readonly string[];
  readonly carving?: 'partition' | 'whole';
  readonly sanitize?: 'discard' | 'zero' | 'shred' | 'none';
  readonly shredPasses?: number;
  readonly sanitizeBytesPerSecond?: string;
};

/** Disks, the shipped driver over them, and one who plays the kubelet; all gone at the end of its test. */
export class World implements AsyncDisposable {
  readonly lab: Lab;
  readonly player: Player;
  #driver: Driver | undefined;
  #pools: readonly PoolLine[] = [];

  private constructor(lab: Lab) {
    this.lab = lab;
    this.player = new Player(() => this.driver.client, lab.path('kubelet'));
  }

  /** Blank disks of these sizes, made and attached, in one pool that the driver serves. */
  static async of(sizes: readonly bigint[], pool: Omit<PoolLine, 'disks'> = {}): Promise<World> {
    const world = await World.empty();
    const disks: string[] = [];
    for (const [at, size] of sizes.entries()) disks.push(await world.disk(`disk-${at}`, size));
    await world.start([{ ...pool, disks }]);
    return world;
  }

  static async empty(): Promise<World> {
    return new World(await Lab.create());
  }

  get driver(): Driver {
    if (this.#driver === undefined) throw new Error('no driver was started');
    return this.#driver;
  }

  get client() {
    return this.driver.client;
  }

  /** The path of a disk of the first pool. */
  device(at = 0): string {
    const path = this.#pools[0]?.disks[at];
    if (path === undefined) throw new Error(`no disk ${at}`);
    return path;
  }

  image(name: string): string {
    return this.lab.path(`${name}.img`);
  }

  async disk(name: string, sizeBytes: bigint, options: AttachOptions = {}): Promise<string> {
    return attachAside(await this.lab.image(`${name}.img`, sizeBytes), options);
  }

  async start(
    pools: readonly PoolLine[] = this.#pools,
    env: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    this.#pools = pools;
    const folder = this.lab.path('driver');
    this.#driver = await Driver.start({ folder, config: configOf(pools), logLevel: 'debug', env });
  }

  /** Started again so that it dies at this crash point (src/host/crashpoint.ts). */
  async restartToDieAt(point: string): Promise<void> {
    await this.driver.kill();
    await this.start(this.#pools, { INSTANCE_STORE_CSI_CRASHPOINTS: `kill:${point}` });
  }

  /** Killed, so that nothing is put in order on the way. */
  async restart(between: () => Promise<unknown> = async () => undefined): Promise<void> {
    await this.driver.kill();
    await between();
    await this.start();
  }

  stateFile(...names: readonly string[]): string {
    return join(this.lab.path('driver'), 'state', ...names);
  }

  recordFile(id: string): string {
    return this.stateFile('volumes', `${id}.json`);
  }

  /**
   * Takes a disk out. An empty file keeps its loop number, which others would be given: the kernel shows it as a disk
   * of no size, which is none.
   */
  async takeOut(device: string): Promise<void> {
    await this.lab.detach(device);
    const empty = this.lab.path(`nothing-${device.replaceAll('/', '-')}`);
    await writeFile(empty, '');
    await run('losetup', [device, empty]);
  }

  /** Puts an image where a disk was taken out. */
  async putIn(device: string, image: string): Promise<void> {
    await run('losetup', ['--detach', device]);
    await run('losetup', [device, image]);
  }

  /** The disk leaves and returns, as in a reboot: the kernel has forgotten its partitions. */
  async reattach(device: string, image: string): Promise<void> {
    await this.lab.detach(device);
    await run('losetup', [device, image]);
  }

  /** Makes the driver look at the disks now: attaching a loop shows nowhere, a node in /dev does. */
  async lookAgain(): Promise<void> {
    const node = `/dev/isc-test-${process.pid}`;
    await writeFile(node, '');
    await rm(node);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#driver?.kill();
    await this.lab[Symbol.asyncDispose]();
  }
}

const LOOPS_FROM = 300;
const LOOPS = 200;

/**
 * Attaches an image far from the numbers that `losetup --find` gives: drivers know these disks by path, and a number
 * that is free for a moment, while its disk is out, must not become another test's disk, nor another's this one's.
 */
export async function attachAside(
  image: string,
  { sectorSizeBytes = 512 }: AttachOptions = {},
): Promise<string> {
  const from = Math.floor(Math.random() * LOOPS);
  for (let tries = 0; tries < LOOPS; tries += 1) {
    const device = `/dev/loop${LOOPS_FROM + ((from + tries) % LOOPS)}`;
    const attached = run('losetup', ['--sector-size', String(sectorSizeBytes), device, image]);
    if (
      await attached.then(
        () => true,
        () => false,
      )
    )
      return device;
  }
  throw new Error(`no loop device free for ${image}`);
}

export async function blank(image: string, sizeBytes: bigint): Promise<void> {
  await truncate(image, 0);
  await truncate(image, Number(sizeBytes));
}

/** Fills a range of a device or image, past every cache. */
export async function fill(
  path: string,
  offsetBytes: bigint,
  lengthBytes: bigint,
  byte: number,
): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const buffer = Buffer.alloc(Number(MIB), byte);
    for (let done = 0n; done < lengthBytes; done += MIB) {
      const length = Number(lengthBytes - done < MIB ? lengthBytes - done : MIB);
      await file.write(buffer, 0, length, Number(offsetBytes + done));
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Waits until a look at the world says so. */
export async function eventually<T>(
  look: () => Promise<T | undefined | false>,
  timeoutMs = 60_000,
): Promise<T> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > until) throw new Error(`not within ${timeoutMs} ms: ${look}`);
    await sleep(30);
  }
}

function configOf(pools: readonly PoolLine[]): string {
  return JSON.stringify({
    apiVersion: 'instance-store.csi.dev/v1alpha1',
    kind: 'DriverConfiguration',
    pools: pools.map(({ name = 'fast', disks, carving = 'partition', sanitize = 'discard', ...rest }) => ({
      name,
      disks: { match: disks.map((path) => ({ path })), minSize: '64Mi' },
      carving,
      sanitize,
      ...rest,
    })),
  });
}
