import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Image, writeArchive } from './archive.ts';
import { FOLDER, ROOT } from './place.ts';
import { readSidecars, sidecarBinary } from './sidecars.ts';
import { run } from './tool.ts';

/** Every node imports what is here when it boots. */
const IMAGES = join(FOLDER, 'images');
/** As deploy/examples ask for it. */
export const BUSYBOX = 'docker.io/library/busybox:1.37';
export const PAUSE = 'localhost/pause:1';
/** As test/cluster/install asks for it. */
const DRIVER = 'localhost/instance-store-csi:e2e';
/** Longest where its base images are made as well. */
export const DRIVER_TIMEOUT_MS = 30 * 60_000;

/** Makes the images of the driver, of its sidecars, of the tests' pods and of what holds a pod together. */
export async function makeImages(): Promise<void> {
  await mkdir(IMAGES);
  const output = ['--output', join(IMAGES, 'driver.tar')];
  await run(join(ROOT, 'scripts/build-image'), ['--tag', DRIVER, ...output], { timeout: DRIVER_TIMEOUT_MS });
  await withFolder(async (root) => {
    await fillBusybox(root);
    await makeImage('busybox', { names: [BUSYBOX], root, command: ['sh'] });
    await makeImage('pause', { names: [PAUSE], root, entrypoint: ['sleep', 'infinity'] });
  });
  for (const sidecar of await readSidecars()) {
    await withFolder(async (root) => {
      await cp(await sidecarBinary(sidecar), join(root, sidecar.name));
      await makeImage(sidecar.name, { names: [sidecar.image], root, entrypoint: [`/${sidecar.name}`] });
    });
  }
}

/** @returns the path of the archive */
export async function makeImage(name: string, image: Image): Promise<string> {
  const archive = join(IMAGES, `${name}.tar`);
  await writeArchive(archive, image);
  return archive;
}

/** A shell and the usual commands, in one static binary. */
export async function fillBusybox(root: string): Promise<void> {
  for (const folder of ['bin', 'etc', 'root', 'tmp', 'proc', 'sys', 'dev']) await mkdir(join(root, folder));
  await cp('/bin/busybox', join(root, 'bin/busybox'));
  const commands = (await run('/bin/busybox', ['--list'])).split('\n');
  for (const command of commands.filter((name) => name !== 'busybox')) {
    await symlink('busybox', join(root, 'bin', command));
  }
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'image-root-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
