import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

const ROOT = join(import.meta.dirname, '../..');

/** What the configuration of an image says of starting it; the format's own names. */
type ImageConfig = {
  readonly Entrypoint: readonly string[];
  readonly Env: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
};

export type Unpacked = {
  /** The folder that holds the image's files. */
  readonly root: string;
  readonly config: ImageConfig;
  /** In MB of 10^6 bytes, as scripts/build-image prints it. */
  readonly compressedMb: number;
};

/** Builds the image as scripts/build-image does for everybody, and unpacks it in `folder`. */
export async function buildAndUnpack(folder: string): Promise<Unpacked> {
  const archive = join(folder, 'image.tar');
  const { stdout } = await execa(join(ROOT, 'scripts/build-image'), ['--output', archive], {
    stderr: 'inherit',
  });
  const compressedMb = Number(/ (\d+) MB compressed$/m.exec(stdout)?.[1]);
  await execa('tar', ['--extract', '--directory', folder, '--file', archive]);
  const [manifest] = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as [
    { readonly Config: string; readonly Layers: readonly string[] },
  ];
  const root = join(folder, 'root');
  await mkdir(root);
  for (const layer of manifest.Layers) {
    await execa('tar', ['--extract', '--directory', root, '--file', join(folder, layer)]);
  }
  const { config } = JSON.parse(await readFile(join(folder, manifest.Config), 'utf8')) as {
    readonly config: ImageConfig;
  };
  return { root, config, compressedMb };
}
