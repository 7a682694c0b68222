import type { ChildProcess } from 'node:child_process';
import { mkdtemp, open, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { cleanUp, detachLoop, loopsOn, readLoops } from './lab/cleanup.ts';
import { dismiss, startJanitor } from './lab/guard.ts';
import { run } from './lab/tool.ts';

export { checksum } from './lab/checksum.ts';

const JANITOR = new URL('lab/janitor.ts', import.meta.url);

export type AttachOptions = {
  readonly readOnly?: boolean;
  readonly sectorSizeBytes?: 512 | 1024 | 2048 | 4096;
};

/** @throws unless this process may attach, partition and mount. */
export function requireRoot(): void {
  if (process.getuid?.() !== 0)
    throw new Error('Cannot make disks: this test needs root, run it as root or with sudo');
}

/**
 * A folder of disks for one test: `await using lab = await Lab.create()`. At its end, and also when the process
 * is killed, everything that stands on the folder is undone (see `cleanUp`), whoever made it.
 */
export class Lab implements AsyncDisposable {
  /** Absolute and free of symlinks; whatever a test puts here goes with the lab. */
  readonly folder: string;
  readonly #janitor: ChildProcess;

  private constructor(folder: string) {
    this.folder = folder;
    this.#janitor = startJanitor(JANITOR, folder);
  }

  static async create(): Promise<Lab> {
    requireRoot();
    return new Lab(await realpath(await mkdtemp(join(tmpdir(), 'isc-lab-'))));
  }

  /** The path of a file in the lab's folder; makes nothing. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** A new sparse file of zeros. */
  async image(name: string, sizeBytes: bigint): Promise<string> {
    const path = this.path(name);
    const file = await open(path, 'wx');
    try {
      await file.truncate(Number(sizeBytes));
    } finally {
      await file.close();
    }
    return path;
  }

  /** Attaches an image of this lab to a free loop device and returns its path, `/dev/loopN`. */
  async attach(image: string, options: AttachOptions = {}): Promise<string> {
    if (!image.startsWith(`${this.folder}/`))
      throw new Error(`Cannot attach ${image}: it is not in ${this.folder}`);
    const readOnly = options.readOnly === true ? ['--read-only'] : [];
    const sectors =
      options.sectorSizeBytes === undefined ? [] : ['--sector-size', String(options.sectorSizeBytes)];
    const device = (await run('losetup', ['--find', '--show', ...readOnly, ...sectors, image])).trim();
    // What `blockdev --setro` said of the loop device outlives the disk that it was said of.
    if (options.readOnly !== true) await run('blockdev', ['--setrw', device]);
    return device;
  }

  /**
   * Removes the device's partitions and detaches it; its bytes are on the image then.
   * @throws when the device is not this lab's, or stays in use.
   */
  async detach(device: string): Promise<void> {
    const name = basename(device);
    const loop = loopsOn(this.folder, await readLoops()).find((ours) => ours.name === name);
    if (loop === undefined) throw new Error(`Cannot detach ${device}: it is no disk of ${this.folder}`);
    await detachLoop(loop);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // When cleaning up fails the janitor lives on and tries again at the end of this process.
    await cleanUp(this.folder);
    await dismiss(this.#janitor);
  }
}
