import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DRIVER_TIMEOUT_MS } from './images.ts';
import { CACHE, ROOT } from './place.ts';
import { run } from './tool.ts';

/** The oldest version from which an upgrade is promised. */
const OLDER = '9569b25';
export const OLDER_TAG = 'older';

/** A clone may have been made without what was before. */
export async function hasOlder(): Promise<boolean> {
  return run('git', ['-C', ROOT, 'cat-file', '-e', `${OLDER}^{commit}`]).then(
    () => true,
    () => false,
  );
}

/** The older version as its commit has it: its chart, and the archive of its image, which is built once and kept. */
export async function withOlder(use: (chart: string, archive: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'older-'));
  try {
    const source = join(folder, 'source.tar');
    await run('git', ['-C', ROOT, 'archive', `--output=${source}`, OLDER]);
    await run('tar', ['-C', folder, '-xf', source]);
    await use(join(folder, 'deploy/charts/instance-store-csi'), await olderImage(folder));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function olderImage(folder: string): Promise<string> {
  const kept = join(CACHE, `instance-store-csi-${OLDER}.tar`);
  if (existsSync(kept)) return kept;
  const options = ['--tag', `localhost/instance-store-csi:${OLDER_TAG}`, '--output', `${kept}.new`];
  await run(join(folder, 'scripts/build-image'), options, { timeout: DRIVER_TIMEOUT_MS });
  await rename(`${kept}.new`, kept);
  return kept;
}
