import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CsiClient, call, connect } from './client.ts';

/** The shipped driver as a process of its own: started, killed, started again. */

export type DriverOptions = {
  /** Socket, state and log lie below it. */
  readonly folder: string;
  /** `false`: no file, so that the built-in pool is served. */
  readonly config: string | false;
  readonly node?: string;
  /** `false`: as the driver finds it. */
  readonly machine?: string | false;
  /** `state` below the folder when not given; two drivers that share one take turns. */
  readonly stateDir?: string;
  readonly logLevel?: 'debug' | 'info';
  /** In a cluster, as `env` says. */
  readonly kubernetes?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** A command that becomes the driver's launcher, such as a tracer. */
  readonly under?: readonly string[];
};

/** Each disk is read for its taking, on a machine that others want too, or that is emulated. */
const READY_TIMEOUT_MS = 5 * 60_000;

export class Driver {
  readonly client: CsiClient;
  readonly process: ChildProcess;
  readonly logFile: string;

  private constructor(client: CsiClient, process: ChildProcess, logFile: string) {
    this.client = client;
    this.process = process;
    this.logFile = logFile;
  }

  /** Resolves when Probe says ready. */
  static async start(options: DriverOptions): Promise<Driver> {
    const driver = await Driver.spawn(options);
    await driver.ready();
    return driver;
  }

  static async spawn(options: DriverOptions): Promise<Driver> {
    await mkdir(options.folder, { recursive: true });
    const { endpoint, argv, logFile } = await layout(options);
    // A test that is killed takes its driver along: a driver left behind would go on taking disks.
    const command = ['--pdeathsig', 'KILL', '--', ...(options.under ?? []), launcher(), ...argv];
    const child = spawn('setpriv', command, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    const log = createWriteStream(logFile, { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    return new Driver(connect(endpoint), child, logFile);
  }

  async ready(timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      if (this.ended())
        throw new Error(
          `the driver ended (${this.process.exitCode ?? this.process.signalCode}); see ${this.logFile}`,
        );
      const ready = await this.probe().catch(() => false);
      if (ready) return;
      if (Date.now() > until)
        throw new Error(`the driver is not ready after ${timeoutMs} ms; see ${this.logFile}`);
      await sleep(20);
    }
  }

  async probe(): Promise<boolean> {
    const { identity } = this.client;
    const { ready } = await call(identity, identity.Probe, {}, 2_000);
    return ready?.value === true;
  }

  ended(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** SIGKILL, and until it is gone. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  async waitForEnd(): Promise<void> {
    if (!this.ended()) await new Promise((resolve) => this.process.once('exit', resolve));
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    this.client.close();
    if (!this.ended()) this.process.kill(signal);
    await this.waitForEnd();
  }
}

export function launcher(): string {
  return join(import.meta.dirname, '../../bin/instance-store-csi');
}

async function layout(options: DriverOptions) {
  if (options.config !== false) await writeFile(configFile(options.folder), options.config);
  const endpoint = `unix://${join(options.folder, 'csi.sock')}`;
  const logLevel = options.logLevel ?? 'info';
  // The tests may run in a pod of some cluster, which is none of the driver's business.
  const cluster = options.kubernetes === true ? [] : ['--no-kubernetes'];
  const argv = [
    'node',
    '--endpoint',
    endpoint,
    '--log-level',
    logLevel,
    ...cluster,
    ...commonOptions(options),
  ];
  return { endpoint, logFile: join(options.folder, 'driver.log'), argv };
}

const configFile = (folder: string): string => join(folder, 'config.yaml');

/** The options that status, plan and why share with the driver. */
export function commonOptions(
  options: Omit<DriverOptions, 'config'> & { readonly config?: string | false },
): readonly string[] {
  const { folder, stateDir, node, machine, config } = options;
  return [
    ...(config === false ? [] : ['--config', configFile(folder)]),
    ...['--state-dir', stateDir ?? join(folder, 'state'), '--node-name', node ?? `node-${idOf(folder)}`],
    ...(machine === false ? [] : ['--machine-id', machine ?? `machine-${idOf(folder)}`]),
  ];
}

/**
 * Drivers of tests that run at the same time are different nodes: they see each other's disks, and must find another
 * node's mark on them.
 */
function idOf(folder: string): string {
  return createHash('sha256').update(folder).digest('hex').slice(0, 8);
}
