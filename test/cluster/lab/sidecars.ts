import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { built, compile, GO } from './go.ts';
import { CACHE, ROOT } from './place.ts';
import { run } from './tool.ts';

/** A standard sidecar in the version that the manifests deploy. */
export type Sidecar = {
  /** Of its image without the registry, which is the name of its command, too. */
  readonly name: string;
  readonly version: string;
  /** As the manifests ask for it. */
  readonly image: string;
};

/** Where the source of each is: the repository below github.com/kubernetes-csi, as a Go module. */
const MODULES: Readonly<Record<string, string>> = {
  'csi-provisioner': 'external-provisioner/v6',
  'csi-resizer': 'external-resizer/v2',
  'csi-node-driver-registrar': 'node-driver-registrar',
  livenessprobe: 'livenessprobe',
};

/** @throws when sidecars/kustomization.yaml names one whose source is not known here */
export async function readSidecars(): Promise<readonly Sidecar[]> {
  const { images } = parse(await readFile(join(ROOT, 'sidecars/kustomization.yaml'), 'utf8')) as {
    images: readonly { name: string; newTag: string }[];
  };
  return images.map(({ name: image, newTag: version }) => {
    const name = basename(image);
    if (!(name in MODULES)) throw new Error(`No source is known for the sidecar ${image}`);
    return { name, version, image: `${image}:${version}` };
  });
}

/** The path of a sidecar's binary. */
export async function sidecarBinary(sidecar: Sidecar): Promise<string> {
  const { name, version } = sidecar;
  return built({
    keptAs: `${name}-${version}`,
    minutes: 3,
    make: async (output) => {
      const folder = await mkdtemp(join(tmpdir(), `${name}-`));
      try {
        await putSources(sidecar, folder);
        await compile(output, { folder, package: `./cmd/${name}`, values: { 'main.version': version } });
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  });
}

/**
 * Puts the source of a sidecar into a folder: the Go module where a proxy serves it, else the published sources in
 * the folder that SIDECAR_SOURCES names, else the tag of its repository.
 */
async function putSources(sidecar: Sidecar, folder: string): Promise<void> {
  const path = MODULES[sidecar.name] ?? '';
  const repository = path.replace(/\/v\d+$/, '');
  const copied =
    (await moduleFolder(path, sidecar.version)) ?? (await publishedFolder(repository, sidecar.version));
  if (copied !== undefined) {
    await run('cp', ['--recursive', '--no-preserve=mode', `${copied}/.`, folder]);
    return;
  }
  const url = `https://github.com/kubernetes-csi/${repository}`;
  const branch = `--branch=${sidecar.version}`;
  await run('git', ['clone', '--quiet', '--depth=1', branch, url, folder]).catch((cause) => {
    const wanted = `Put the sources of ${sidecar.version} in a folder ${repository} of the one that SIDECAR_SOURCES names`;
    throw new Error(`No Go proxy serves ${path} and ${url} cannot be cloned. ${wanted}`, { cause });
  });
}

async function moduleFolder(path: string, version: string): Promise<string | undefined> {
  const module = `github.com/kubernetes-csi/${path}@${version}`;
  try {
    const told = await run(GO, ['mod', 'download', '-json', module], { cwd: CACHE });
    return (JSON.parse(told) as { Dir: string }).Dir;
  } catch {
    return undefined;
  }
}

async function publishedFolder(repository: string, version: string): Promise<string | undefined> {
  const { SIDECAR_SOURCES = join(ROOT, '../shared/third_party') } = process.env;
  const folder = join(SIDECAR_SOURCES, repository);
  const found = await readFile(join(folder, 'VERSION.txt'), 'utf8').catch(() => undefined);
  return found?.trim() === version ? folder : undefined;
}
