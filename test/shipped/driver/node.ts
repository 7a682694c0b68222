import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { Lab } from '../../host/lab.ts';
import { commonOptions, Driver, type DriverOptions, launcher } from '../../player/driver.ts';
import { Player } from '../../player/player.ts';

const MIB = 1024n ** 2n;
/** Bounds for a machine under load, not measures. */
const CLI_TIMEOUT_MS = 120_000;
const READY_TIMEOUT_MS = 240_000;

/** One pool of the configuration file; `paths` are the disks that it wants. */
export type PoolLine = {
  readonly name?: string;
  readonly paths: readonly string[];
  readonly minSize?: string;
  readonly sanitize?: string;
  readonly sanitizeBytesPerSecond?: string;
  readonly eraseAndTake?: readonly { readonly disk: string; readonly found: string }[];
};

/** Who the driver is; the test node itself when nothing is said. */
export type Identity = Pick<DriverOptions, 'node' | 'machine' | 'env' | 'logLevel' | 'kubernetes'>;

export type CliResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/**
 * A node for one test: disks of its own, a folder for the driver, a folder for the kubelet. Whatever runs or is
 * mounted at its end goes with it.
 */
export class TestNode implements AsyncDisposable {
  readonly lab: Lab;
  readonly folder: string;
  readonly player: Player;
  #driver: Driver | undefined;
  readonly #started: Driver[] = [];

  private constructor(lab: Lab) {
    this.lab = lab;
    this.folder = lab.path('driver');
    this.player = new Player(() => this.driver.client, lab.path('kubelet'));
  }

  static async create(): Promise<TestNode> {
    return new TestNode(await Lab.create());
  }

  /** The driver that was started last. */
  get driver(): Driver {
    if (this.#driver === undefined) throw new Error('no driver was started on this node');
    return this.#driver;
  }

  /** A new blank disk, attached. */
  async disk(name: string, sizeBytes = 300n * MIB): Promise<string> {
    return this.lab.attach(await this.lab.image(`${name}.img`, sizeBytes));
  }

  /** Starts the driver and waits until it is ready. */
  async start(pools: readonly PoolLine[], identity: Identity = {}): Promise<Driver> {
    this.#driver = await this.spawn(pools, identity);
    await this.driver.ready(READY_TIMEOUT_MS);
    return this.driver;
  }

  /** Names that no other test has: drivers see each other's disks, and one with our name would serve them. */
  get identity(): { readonly node: string; readonly machine: string } {
    const id = basename(this.lab.folder);
    return { node: `node-${id}`, machine: `machine-${id}` };
  }

  /** Starts a driver without waiting for it. */
  async spawn(
    pools: readonly PoolLine[],
    more: Identity & Pick<Partial<DriverOptions>, 'folder' | 'stateDir'> = {},
  ): Promise<Driver> {
    const defaults = { folder: this.folder, ...this.identity };
    const driver = await Driver.spawn({ ...defaults, config: configOf(pools), ...more });
    this.#started.push(driver);
    return driver;
  }

  /** Writes a file into the lab's folder and returns its path. */
  async file(name: string, text: string): Promise<string> {
    await writeFile(this.lab.path(name), text);
    return this.lab.path(name);
  }

  /** Writes the configuration, as the command line reads it where no driver runs. */
  async configure(pools: readonly PoolLine[]): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await writeFile(join(this.folder, 'config.yaml'), configOf(pools));
  }

  /** Runs status, plan or why beside the driver, or without one. */
  async cli(argv: readonly string[], identity: Identity = {}): Promise<CliResult> {
    return runCli(
      [...argv, ...commonOptions({ folder: this.folder, ...this.identity, ...identity })],
      identity.env,
    );
  }

  /** Runs cordon, uncordon or release, which ask the driver. */
  async ask(...argv: readonly string[]): Promise<CliResult> {
    return runCli([...argv, '--state-dir', join(this.folder, 'state')]);
  }

  /** @throws when the command fails or prints anything but JSON */
  async json<T>(argv: readonly string[], identity: Identity = {}): Promise<T> {
    const { code, stdout, stderr } = await this.cli([...argv, '--json'], identity);
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const driver of this.#started) await driver.kill();
    await this.lab[Symbol.asyncDispose]();
  }
}

export async function runCli(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  const result = await execa(launcher(), argv, {
    reject: false,
    timeout: CLI_TIMEOUT_MS,
    env,
    stdin: 'ignore',
  });
  return { code: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
}

/** JSON is YAML: nothing in a path or an identity needs a thought. */
export function configOf(pools: readonly PoolLine[]): string {
  const decoded = pools.map(
    ({ name = 'fast', paths, minSize = '64Mi', sanitize = 'discard', eraseAndTake = [], ...rest }) => ({
      name,
      disks: { match: paths.map((path) => ({ path })), minSize, eraseAndTake },
      sanitize,
      ...rest,
    }),
  );
  return JSON.stringify({
    apiVersion: 'instance-store.csi.dev/v1alpha1',
    kind: 'DriverConfiguration',
    pools: decoded,
  });
}
