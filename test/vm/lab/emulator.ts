import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Disk } from './disk.ts';
import { DiskServer } from './nbd.ts';
import { diskSocket, type Hardware, qemuArgv } from './qemu.ts';
import { WriteCache } from './write-cache.ts';

/** QEMU, and the disks with a cache that it is served by this process. It ends with this process, however that goes. */
export class Emulator {
  readonly #qemu: ChildProcess;
  readonly #servers: readonly DiskServer[];
  readonly #ended = new AbortController();

  private constructor(qemu: ChildProcess, servers: readonly DiskServer[]) {
    this.#qemu = qemu;
    this.#servers = servers;
    qemu.once('exit', () => this.#ended.abort(new Error('QEMU has ended')));
  }

  /** @param onWords what QEMU complains of */
  static async start(hardware: Hardware, onWords: (text: string) => void): Promise<Emulator> {
    const { folder, kept, disks } = hardware;
    const cached = [kept, ...disks].filter(({ writeCache }) => writeCache);
    const servers = await Promise.all(cached.map((disk) => serve(folder, disk)));
    const argv = ['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64', ...qemuArgv(hardware)];
    // What the guest writes to its root lies in TMPDIR.
    const env = { ...process.env, TMPDIR: folder };
    const qemu = spawn('setpriv', argv, { stdio: ['ignore', 'ignore', 'pipe'], env });
    qemu.stderr?.setEncoding('utf8').on('data', onWords);
    return new Emulator(qemu, servers);
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Resolves when the guest has switched itself off, and what it wrote is on its disks. */
  async off(): Promise<void> {
    await this.#gone();
    for (const server of this.#servers) await (await server.end()).close();
  }

  /** @returns how many writes the disks had not been asked to flush, some of which are lost */
  async cut(random: () => number): Promise<number> {
    this.#qemu.kill('SIGKILL');
    await this.#gone();
    let unflushed = 0;
    for (const server of this.#servers) unflushed += await (await server.end()).lose(random);
    return unflushed;
  }

  async #gone(): Promise<void> {
    if (!this.ended.aborted) await once(this.#qemu, 'exit');
  }
}

async function serve(folder: string, disk: Disk): Promise<DiskServer> {
  return DiskServer.listen(diskSocket(folder, disk), await WriteCache.open(disk.file), disk.sizeBytes);
}
