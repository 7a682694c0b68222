import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from './tool.ts';

export type Image = {
  /** Each with its tag. */
  readonly names: readonly string[];
  /** The folder that becomes its root filesystem. */
  readonly root: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
};

/** Writes an image of one layer as an archive, in the form of `docker save`. */
export async function writeArchive(archive: string, image: Image): Promise<void> {
  const { names, root, entrypoint = [], command = [] } = image;
  const folder = await mkdtemp(join(tmpdir(), 'image-'));
  try {
    const layer = join(folder, 'layer.tar');
    await tar(root, layer, ['.']);
    const config = {
      architecture: arch() === 'x64' ? 'amd64' : arch(),
      os: 'linux',
      config: { Entrypoint: entrypoint, Cmd: command, Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${await sha256(layer)}`] },
    };
    const manifest = [{ Config: 'config.json', RepoTags: names, Layers: ['layer.tar'] }];
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
    await tar(folder, archive, ['manifest.json', 'config.json', 'layer.tar']);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function tar(folder: string, archive: string, members: readonly string[]): Promise<void> {
  const anybodys = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name', '--mtime=@0'];
  await run('tar', [...anybodys, '-C', folder, '-cf', archive, ...members]);
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
