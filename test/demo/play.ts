import { formatBytes } from '../../src/model/bytes.ts';
import { run } from '../host/lab/tool.ts';
import type { Lab } from '../host/lab.ts';
import { commonOptions, Driver, launcher } from '../player/driver.ts';
import { Player } from '../player/player.ts';
import { commandsIn, DriverLog, type Line } from './driver-log.ts';
import { type Partition, readTable } from './facts.ts';
import type { Page, Told } from './page.ts';

/** Killed without a word, the demo still leaves no driver. */
const DIES_WITH_US = ['setpriv', '--pdeathsig', 'KILL', '--'];
const LOG_TIMEOUT_MS = 60_000;
const WARN = 40;

/** The stage that the steps play on: one lab, one driver process at a time, one page. */
export class Play {
  readonly lab: Lab;
  readonly page: Page;
  readonly signal: AbortSignal;
  readonly log: DriverLog;
  readonly player: Player;
  private current: Driver | undefined;

  constructor(lab: Lab, page: Page, signal: AbortSignal) {
    this.lab = lab;
    this.page = page;
    this.signal = signal;
    this.log = new DriverLog(this.driverPath('driver.log'));
    this.player = new Player(() => this.driver.client, lab.path('kubelet'));
    // Whatever is under way ends with the driver: a call by its connection, a host command by its parent's death.
    signal.addEventListener('abort', () => void this.current?.kill());
  }

  get driver(): Driver {
    if (this.current === undefined) throw new Error('no driver was started');
    return this.current;
  }

  driverPath(name: string): string {
    return this.lab.path(`driver/${name}`);
  }

  /** Runs one step to its end, then tells it; a step that was interrupted is not told. */
  async step(name: string, act: () => Promise<Told>): Promise<void> {
    this.signal.throwIfAborted();
    const told = await act().catch((error: unknown) => {
      throw new StepFailed(name, error);
    });
    this.signal.throwIfAborted();
    this.page.step(name, told);
  }

  async startDriver(config: string): Promise<void> {
    const folder = this.lab.path('driver');
    this.current = await Driver.spawn({ folder, config, logLevel: 'debug', under: DIES_WITH_US });
    if (this.signal.aborted) await this.current.kill();
    await this.current.ready();
  }

  async stopDriver(): Promise<void> {
    await this.current?.stop();
  }

  /** One CSI call, how long it took, and what the driver ran for it. */
  async call<T>(method: string, act: () => Promise<T>): Promise<Called<T>> {
    const [value, tookMs] = await timed(act);
    const ended = (line: Line): boolean => line.msg === 'call' && line.method === method;
    const lines = await this.log.until(ended, LOG_TIMEOUT_MS, this.signal);
    return { value, tookMs, lines, commands: commandsIn(lines) };
  }

  /** What the driver's own reading commands say, as JSON. */
  async ask(...words: readonly string[]): Promise<unknown> {
    const options = commonOptions({ folder: this.lab.path('driver') });
    return JSON.parse(await run(launcher(), [...words, '--json', ...options]));
  }

  /** What the driver's log says at warning and above since it was last read; its folder goes with the demo. */
  async complaints(): Promise<readonly string[]> {
    const lines = await this.log.fresh().catch(() => []);
    return lines.filter(({ level }) => level >= WARN).map((line) => `  driver: ${JSON.stringify(line)}`);
  }

  /** The demo's own folder is long and says nothing. */
  short(text: string): string {
    return text.replaceAll(this.lab.folder, '…').replaceAll(UUIDS_IN_PATHS, '$1…/');
  }
}

const UUIDS_IN_PATHS = /(?<=\/)([0-9a-f]{8})-[0-9a-f-]{27}\//g;

export type Called<T> = {
  readonly value: T;
  readonly tookMs: number;
  readonly lines: readonly Line[];
  readonly commands: string;
};

class StepFailed extends Error {
  constructor(step: string, cause: unknown) {
    super(`step "${step}": ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

export async function timed<T>(act: () => Promise<T>): Promise<readonly [value: T, tookMs: number]> {
  const startedAtMs = performance.now();
  const value = await act();
  return [value, performance.now() - startedAtMs];
}

/** @throws what was found and what was wanted */
export function expect(what: string, found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`${what} is ${String(found)}, want ${String(wanted)}`);
}

/** The disk and entry that bear this PARTUUID; undefined when no table has it. */
export async function findPartition(
  disks: readonly string[],
  uuid: string,
): Promise<{ readonly disk: string; readonly entry: Partition } | undefined> {
  for (const disk of disks) {
    const entry = (await readTable(disk)).partitions.find((one) => one.uuid === uuid);
    if (entry !== undefined) return { disk, entry };
  }
  return undefined;
}

/** `partition 2, bytes 2097152 to 1075838975 (1 GiB)` */
export function rangeOf({ number, startBytes, sizeBytes }: Partition): string {
  return `partition ${number}, bytes ${startBytes} to ${startBytes + sizeBytes - 1n} (${formatBytes(sizeBytes)})`;
}
