import { chmod, cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Image } from '../lab/archive.ts';
import { NODES } from '../lab/cluster.ts';
import { fillBusybox, makeImage } from '../lab/images.ts';
import { kubernetesBinary } from '../lab/kubernetes.ts';
import { importImage } from '../lab/node.ts';
import { run } from '../lab/tool.ts';

/** Brings the images that the storage tests ask for to the nodes, each under the names that it goes by there. */
export async function bringImages(): Promise<void> {
  const names = await wantedImages();
  const named = (some: RegExp): readonly string[] => names.filter((name) => some.test(name));
  const root = await mkdtemp(join(tmpdir(), 'image-root-'));
  try {
    await fillBusybox(root);
    const busybox = { names: named(/\/(busybox|nginx):/), root, command: ['sh'] };
    await bring('upstream-busybox', busybox);
    await cp(await kubernetesBinary('agnhost'), join(root, 'agnhost'));
    await chmod(join(root, 'agnhost'), 0o755);
    await symlink('agnhost', join(root, 'agnhost-2'));
    const agnhost = { names: named(/\/agnhost:/), root, entrypoint: ['/agnhost'], command: ['pause'] };
    await bring('upstream-agnhost', agnhost);
    // A Debian, for options of dd that busybox has not; and busybox's shell would start its own.
    for (const program of ['/bin/sh', '/bin/dd']) await replaceProgram(program, root);
    await bring('upstream-debian', { ...busybox, names: named(/\/jessie-dnsutils:/) });
  } finally {
    await rm(root, { recursive: true });
  }
}

async function bring(name: string, image: Image): Promise<void> {
  const archive = await makeImage(name, image);
  for (const node of NODES) await importImage(node, archive);
}

/** By this machine's, with the libraries that it is linked with. */
async function replaceProgram(program: string, root: string): Promise<void> {
  const libraries = (await run('ldd', [program])).match(/(?<=\s)\/\S+/g) ?? [];
  await rm(join(root, program));
  await run('cp', ['--dereference', '--parents', program, ...libraries, root]);
}

async function wantedImages(): Promise<readonly string[]> {
  const told = await run(await kubernetesBinary('e2e.test'), ['--list-images']);
  return [...new Set(told.split('\n').filter((line) => /^\S+:\S+$/.test(line)))];
}
