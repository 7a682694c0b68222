import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TYPE_VOLUME } from '../../src/model/gpt.ts';
import { run } from '../host/lab/tool.ts';

/** The same volume by the bare tools: what a person with a shell would type, and nothing that checks it. */

export type Access = 'xfs' | 'ext4' | 'block';

const MKFS: Readonly<Record<Exclude<Access, 'block'>, readonly string[]>> = {
  xfs: ['-f', '-K', '-q'],
  ext4: ['-F', '-q', '-m', '0', '-E', 'nodiscard,lazy_itable_init=1'],
};

export class BareDisk {
  readonly #disk: string;
  readonly #staging: string;
  readonly #target: string;

  constructor(disk: string, folder: string) {
    this.#disk = disk;
    this.#staging = `${folder}/staging`;
    this.#target = `${folder}/target`;
  }

  async makeTargets(access: Access): Promise<void> {
    for (const path of [this.#staging, this.#target]) {
      const [folder, file] = access === 'block' ? [dirname(path), path] : [path, undefined];
      await mkdir(folder, { recursive: true });
      if (file !== undefined) await writeFile(file, '');
    }
  }

  async up(access: Access, sizeBytes: bigint): Promise<void> {
    const partition = `${this.#disk}p2`;
    const line = `start=2MiB, size=${sizeBytes / 512n}, type=${TYPE_VOLUME}\n`;
    const flags = ['--quiet', '--append', '--no-reread', '--no-tell-kernel', '--wipe=never', '--force'];
    await run('sfdisk', [...flags, this.#disk], { input: line });
    await run('partx', ['--add', '--nr', '2', this.#disk]);
    if (access === 'block') {
      await run('blkdiscard', ['--zeroout', partition]);
      await run('mount', ['--bind', partition, this.#staging]);
    } else {
      await run(`mkfs.${access}`, [...MKFS[access], partition]);
      await run('mount', ['--types', access, partition, this.#staging]);
    }
    await run('mount', ['--bind', this.#staging, this.#target]);
  }

  async down(): Promise<void> {
    await run('umount', [this.#target]);
    await run('umount', [this.#staging]);
    await run('partx', ['--delete', '--nr', '2', this.#disk]);
    const flags = ['--quiet', '--no-reread', '--no-tell-kernel', '--force'];
    await run('sfdisk', [...flags, '--delete', this.#disk, '2']);
  }
}

/** A table with one entry, as a disk of ours has it. */
export async function labelDisk(disk: string): Promise<void> {
  const script = 'label: gpt\ntable-length: 256\nfirst-lba: 2048\nstart=1MiB, size=1MiB\n';
  await run('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', disk], { input: script });
  await run('partx', ['--add', '--nr', '1', disk]);
}
