import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dismiss, startJanitor } from '../../host/lab/guard.ts';
import { Agent } from './agent.ts';
import { bundleModule, bundleScript } from './bundle.ts';
import { Disk, type DiskOptions } from './disk.ts';
import { readyImage } from './image.ts';
import type { Devices, Exit, Wish } from './messages.ts';
import { GUEST, GUEST_SHARE } from './place.ts';
import { type Hardware, qemuArgv } from './qemu.ts';
import { attachTerminal } from './terminal.ts';
import { run } from './tool.ts';

const JANITOR = new URL('janitor.ts', import.meta.url);

/** Generous: what is emulated beside other work takes many times what it takes alone. */
const BOOT_TIMEOUT_MS = 5 * 60_000;
const END_TIMEOUT_MS = 2 * 60_000;
const JOB_TIMEOUT_MS = 5 * 60_000;
const DAY_MS = 24 * 60 * 60_000;
const OUTPUT_LINES = 40;
const KEPT_SIZE = '256M';

export type MachineOptions = {
  /** With systemd-udevd and its rules, as on a host; without (default), as only the kernel makes devices. */
  readonly udev?: boolean;
  readonly memoryMib?: number;
  readonly cpus?: number;
  /** All that programs and modules in the guest print. */
  readonly onOutput?: (text: string) => void;
};

type Job = { readonly timeoutMs?: number };

/** A module of the checkout as seen from here: its exported functions, which run in the guest. */
export type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

type Boot = { readonly qemu: ChildProcess; readonly agent: Agent; readonly devices: Devices };

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
  readonly #options: MachineOptions;
  readonly #janitor: ChildProcess;
  #boot: Boot | undefined;
  #output = '';

  private constructor(folder: string, options: MachineOptions) {
    this.folder = folder;
    this.#options = options;
    this.#janitor = startJanitor(JANITOR, folder);
  }

  static async create(options: MachineOptions = {}): Promise<Machine> {
    const machine = new Machine(await realpath(await mkdtemp(join(tmpdir(), 'isc-vm-'))), options);
    await machine.#prepare();
    return machine;
  }

  async #prepare(): Promise<void> {
    const share = join(this.folder, 'share');
    await mkdir(share);
    await copyFile(join(GUEST, 'boot'), join(share, 'boot'));
    await bundleScript(join(GUEST, 'agent.ts'), join(share, 'agent.mjs'));
    const kept = join(this.folder, 'kept');
    await run('mke2fs', ['-q', '-t', 'ext4', `${kept}.img`, KEPT_SIZE]);
    await run('qemu-img', ['convert', '-O', 'qcow2', `${kept}.img`, `${kept}.qcow2`]);
    await rm(`${kept}.img`);
  }

  /** A new disk, for this machine or another. */
  disk(options: DiskOptions): Promise<Disk> {
    return Disk.create(this.folder, options);
  }

  /** Resolves when every disk is there. Their order is the order in which the guest's kernel meets them. */
  async boot(disks: readonly Disk[]): Promise<void> {
    if (this.#boot !== undefined) throw new Error('Cannot boot the machine: it is running');
    const { udev = false, memoryMib = 2048, cpus = 2 } = this.#options;
    const hardware = { image: readyImage(), folder: this.folder, disks, udev, memoryMib, cpus };
    const qemu = this.#startQemu(hardware);
    const over = new AbortController();
    qemu.once('exit', () => over.abort(new Error('QEMU ended')));
    try {
      const boot = async (): Promise<Boot> => {
        const agent = await Agent.connect(
          join(this.folder, 'agent.sock'),
          (text) => this.#hear(text),
          over.signal,
        );
        return { qemu, agent, devices: (await agent.ask(beginning(disks))) as Devices };
      };
      this.#boot = await this.#within('boot', BOOT_TIMEOUT_MS, boot());
    } catch (error) {
      over.abort(error);
      await ended(qemu, 'SIGKILL');
      throw error;
    }
  }

  /** QEMU ends with this process, however that goes. */
  #startQemu(hardware: Hardware): ChildProcess {
    const argv = ['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64', ...qemuArgv(hardware)];
    // What the guest writes to its root lies in TMPDIR.
    const env = { ...process.env, TMPDIR: this.folder };
    const qemu = spawn('setpriv', argv, { stdio: ['ignore', 'ignore', 'pipe'], env });
    qemu.stderr?.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    return qemu;
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
    await bundleModule(source, join(this.folder, 'share', name));
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
    await writeFile(join(this.folder, 'share/welcome'), welcome);
    using _ = attachTerminal(join(this.folder, 'console.sock'));
    const { columns, rows } = process.stdout;
    const line = `export NODE_NAME=vm; stty cols ${columns || 80} rows ${rows || 24}; cat ${GUEST_SHARE}/welcome; cd /root; exec bash --login`;
    await this.sh(`setsid --ctty --wait bash -c '${line}' </dev/ttyS0 >/dev/ttyS0 2>&1 || true`, {
      timeoutMs: DAY_MS,
    });
  }

  /** As a host is shut down: processes are told to end, what is mounted is unmounted. */
  async shutDown(): Promise<void> {
    const { agent, qemu } = this.#running;
    await this.#within(
      'shut-down',
      END_TIMEOUT_MS,
      agent.ask({ is: 'end' }).then(() => ended(qemu)),
    );
    this.#boot = undefined;
  }

  /** The machine's power fails: what its disks did not flush is gone, if they are `qcow2`. */
  async cutPower(): Promise<void> {
    const { qemu } = this.#running;
    this.#boot = undefined;
    await ended(qemu, 'SIGKILL');
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
      () => late.reject(new Error(`${what}: not done after ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    try {
      return await Promise.race([work, late.promise]);
    } catch (error) {
      (error as Error).message += `\nThe guest's last words:\n${this.#output}\n${await this.#consoleTail()}`;
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

function beginning(disks: readonly Disk[]): Wish {
  return { is: 'begin', disks: disks.map(({ serial, uuid, kind }) => ({ serial, uuid, kind })) };
}

async function ended(qemu: ChildProcess, signal?: 'SIGKILL'): Promise<void> {
  if (qemu.exitCode !== null || qemu.signalCode !== null) return;
  const exit = once(qemu, 'exit');
  if (signal !== undefined) qemu.kill(signal);
  await exit;
}
