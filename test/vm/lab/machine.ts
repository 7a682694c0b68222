import type { ChildProcess } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dismiss, startJanitor } from '../../host/lab/guard.ts';
import { Agent } from './agent.ts';
import { bundleModule, bundleScript } from './bundle.ts';
import { Disk, type DiskOptions } from './disk.ts';
import { Emulator } from './emulator.ts';
import { readyImage } from './image.ts';
import type { Devices, Exit, Wish } from './messages.ts';
import { GUEST, GUEST_SHARE } from './place.ts';
import { attachTerminal } from './terminal.ts';
import { run } from './tool.ts';

const JANITOR = new URL('janitor.ts', import.meta.url);

/** Generous: what is emulated beside other work takes many times what it takes alone. */
const BOOT_TIMEOUT_MS = 5 * 60_000;
const BOOTS_MAX = 3;
const END_TIMEOUT_MS = 5 * 60_000;
const JOB_TIMEOUT_MS = 20 * 60_000;
const DAY_MS = 24 * 60 * 60_000;
const OUTPUT_LINES = 40;
const KEPT_BYTES = 256n * 1024n ** 2n;

export type MachineOptions = {
  /** With systemd-udevd and its rules, as on a host; without (default), as only the kernel makes devices. */
  readonly udev?: boolean;
  readonly memoryMib?: number;
  readonly cpus?: number;
  /** All that programs and modules in the guest print. */
  readonly onOutput?: (text: string) => void;
};

class LateError extends Error {}

type Job = { readonly timeoutMs?: number };

/** A module of the checkout as seen from here: its exported functions, which run in the guest. */
export type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

type Boot = { readonly emulator: Emulator; readonly agent: Agent; readonly devices: Devices };

/**
 * A virtual machine: `await using machine = await Machine.create()`, then disks, then boots. It is off between its
 * boots, and what it keeps is on its disks and on a small one for what a node keeps on its root: the driver's state
 * directory, /var/lib/kubelet and /etc/machine-id. All else of its root is new at every boot.
 *
 * A suite on it is a jest file in test/vm. What is to happen in the guest is a line of bash for `sh()`, or an exported
 * function of a file in test/vm/guest for `module()`. Whatever can happen to disks while a node is off is another list
 * for the next `boot()`, or `Disk.blank()`. CONTRIBUTING.md shows it; lab.test.ts is an example.
 */
export class Machine implements AsyncDisposable {
  readonly folder: string;
  /** Seen in the guest as /share; both may write to it. */
  readonly share: string;
  readonly #options: MachineOptions;
  readonly #janitor: ChildProcess;
  #kept!: Disk;
  #boot: Boot | undefined;
  #output = '';

  private constructor(folder: string, options: MachineOptions) {
    this.folder = folder;
    this.share = join(folder, 'share');
    this.#options = options;
    this.#janitor = startJanitor(JANITOR, folder);
  }

  static async create(options: MachineOptions = {}): Promise<Machine> {
    const machine = new Machine(await realpath(await mkdtemp(join(tmpdir(), 'isc-vm-'))), options);
    await machine.#prepare();
    return machine;
  }

  async #prepare(): Promise<void> {
    await mkdir(this.share);
    await copyFile(join(GUEST, 'boot'), join(this.share, 'boot'));
    await bundleScript(join(GUEST, 'agent.ts'), join(this.share, 'agent.mjs'));
    await this.reinstall();
  }

  /** As a node that gets a new root, and keeps its other disks. Only while it is off. */
  async reinstall(): Promise<void> {
    this.#kept = await this.disk({
      serial: 'kept',
      sizeBytes: KEPT_BYTES,
      kind: { is: 'virtio' },
      writeCache: true,
    });
    await run('mke2fs', ['-q', '-t', 'ext4', this.#kept.file]);
  }

  /** A new disk, for this machine or another. */
  disk(options: DiskOptions): Promise<Disk> {
    return Disk.create(this.folder, options);
  }

  /**
   * Resolves when every disk is there. Their order is the order in which the guest's kernel meets them. An emulated guest
   * stands still now and then before anything that is tested runs in it: then its power is cut, and it is booted again.
   */
  async boot(disks: readonly Disk[]): Promise<void> {
    if (this.#boot !== undefined) throw new Error('Cannot boot the machine: it is running');
    for (let boots = 1; this.#boot === undefined; boots += 1) {
      try {
        this.#boot = await this.#start(disks);
      } catch (error) {
        if (!(error instanceof LateError) || boots === BOOTS_MAX) throw error;
        console.warn(`The machine is booted again: ${error.message}`);
      }
    }
  }

  async #start(disks: readonly Disk[]): Promise<Boot> {
    const { udev = false, memoryMib = 2048, cpus = 2 } = this.#options;
    const { folder } = this;
    const hardware = { image: readyImage(), folder, kept: this.#kept, disks, udev, memoryMib, cpus };
    const emulator = await Emulator.start(hardware, (text) => this.#hear(text));
    try {
      return await this.#within('boot', BOOT_TIMEOUT_MS, this.#begin(emulator, disks));
    } catch (error) {
      await emulator.cut(Math.random);
      throw error;
    }
  }

  async #begin(emulator: Emulator, disks: readonly Disk[]): Promise<Boot> {
    const socket = join(this.folder, 'agent.sock');
    const agent = await Agent.connect(socket, (text) => this.#hear(text), emulator.ended);
    const known = disks.map(({ serial, uuid, kind }) => ({ serial, uuid, kind }));
    return { emulator, agent, devices: (await agent.ask({ is: 'begin', disks: known })) as Devices };
  }

  /** The path in the guest of a disk that it was booted with. It may be another one after the next boot. */
  pathOf({ serial }: Disk): string {
    const path = this.#running.devices.get(serial);
    if (path === undefined) throw new Error(`the machine was not booted with the disk ${serial}`);
    return path;
  }

  /**
   * Runs a line of bash in the guest.
   * @returns what it printed
   * @throws when its exit code is not 0
   */
  async sh(line: string, { timeoutMs = JOB_TIMEOUT_MS }: Job = {}): Promise<string> {
    let output = '';
    const wish = { is: 'run', argv: ['bash', '-euo', 'pipefail', '-c', line] } as const;
    const exit = this.#running.agent.ask(wish, (text) => (output += text));
    const { code, signal } = (await this.#within(line, timeoutMs, exit)) as Exit;
    if (code !== 0) throw new Error(`${line}: ended with ${signal ?? code}:\n${output}`);
    return output;
  }

  /**
   * The functions of a module of the checkout, to be called in the guest: `await machine.module<typeof Life>(url)`.
   * One process for all of a boot's calls, so that what the module remembers lasts until the machine is off. Arguments
   * and results are copied (as `structuredClone` does), errors keep their message and gRPC status.
   */
  async module<T extends object>(url: URL, { timeoutMs = JOB_TIMEOUT_MS }: Job = {}): Promise<Remote<T>> {
    const source = fileURLToPath(url);
    const name = `${basename(source, '.ts')}.mjs`;
    await bundleModule(source, join(this.share, name));
    const call = (fn: string, args: readonly unknown[]) => {
      const wish: Wish = { is: 'call', module: join(GUEST_SHARE, name), name: fn, args };
      return this.#within(`${fn}() of ${name}`, timeoutMs, this.#running.agent.ask(wish));
    };
    const get = (_: object, fn: string | symbol) =>
      // A promise of this object resolves to it, not to what a `then` of the module might give.
      fn === 'then' ? undefined : (...args: readonly unknown[]) => call(String(fn), args);
    return new Proxy({}, { get }) as Remote<T>;
  }

  /** A person's shell on the guest's console, until they leave it. @param welcome is shown first */
  async shell(welcome: string): Promise<void> {
    await writeFile(join(this.share, 'welcome'), welcome);
    using _ = attachTerminal(join(this.folder, 'console.sock'));
    const { columns, rows } = process.stdout;
    const line = `export NODE_NAME=vm; stty cols ${columns || 80} rows ${rows || 24}; cat ${GUEST_SHARE}/welcome; cd /root; exec bash --login`;
    await this.sh(`setsid --ctty --wait bash -c '${line}' </dev/ttyS0 >/dev/ttyS0 2>&1 || true`, {
      timeoutMs: DAY_MS,
    });
  }

  /** As a host is shut down: processes are told to end, what is mounted is unmounted. */
  async shutDown(): Promise<void> {
    const { agent, emulator } = this.#running;
    await this.#within(
      'shut-down',
      END_TIMEOUT_MS,
      agent.ask({ is: 'end' }).then(() => emulator.off()),
    );
    this.#boot = undefined;
  }

  /**
   * The machine's power fails. Disks with a write cache lose what they were not asked to flush, or some of it.
   * @returns how many writes that were
   */
  async cutPower(random: () => number = Math.random): Promise<number> {
    const { emulator } = this.#running;
    this.#boot = undefined;
    return emulator.cut(random);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#boot !== undefined) await this.cutPower();
    await rm(this.folder, { recursive: true });
    await dismiss(this.#janitor);
  }

  get #running(): Boot {
    if (this.#boot === undefined) throw new Error('the machine is off');
    return this.#boot;
  }

  #hear(text: string): void {
    this.#output = (this.#output + text).split('\n').slice(-OUTPUT_LINES).join('\n');
    this.#options.onOutput?.(text);
    if (process.env.VM_OUTPUT !== undefined) process.stderr.write(text);
  }

  /** @throws what the work throws, or that it takes too long; with the last of what the guest said */
  async #within<T>(what: string, timeoutMs: number, work: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new LateError(`${what}: not done after ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    try {
      return await Promise.race([work, late.promise]);
    } catch (error) {
      const kernel = await this.#consoleTail();
      (error as Error).message +=
        `\nThe guest's kernel:\n${kernel}\nThe guest's last words:\n${this.#output}`;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #consoleTail(): Promise<string> {
    const text = await readFile(join(this.folder, 'console.log'), 'utf8').catch(() => '');
    return text.split('\n').slice(-OUTPUT_LINES).join('\n');
  }
}
