/**
 * csi-sanity against the shipped driver on a blank loop disk: once with filesystems, once with raw block.
 * No test may fail, and exactly the tests of what is not advertised may be skipped. Run by `make sanity` and by
 * test/run.ts, which reads the counts in the file that SUITE_RESULT names.
 */
import { writeFile } from 'node:fs/promises';
import { Lab } from '../host/lab.ts';
import type { Counts } from '../suites.ts';
import { type Access, buildSanity } from './csi-sanity.ts';
import { examine } from './examine.ts';

const GIB = 1024n ** 3n;
/** Sparse. Deleted volumes wait here to be sanitized while csi-sanity makes the next ones. */
const DISK_BYTES = 256n * GIB;
const TIMEOUT_MS = 4 * 60_000;

/** `on`, not `once`: execa listens too, and ends this process when it finds itself the only listener left. */
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());

/** One run over a disk of its own. */
async function runWith(access: Access, sanity: string): Promise<Counts> {
  await using lab = await Lab.create();
  const device = await lab.attach(await lab.image('disk.img', DISK_BYTES));
  const place = { device, folder: lab.folder, config: configOf(device) };
  return await examine(
    access,
    sanity,
    place,
    AbortSignal.any([interrupted.signal, AbortSignal.timeout(TIMEOUT_MS)]),
  );
}

function configOf(device: string): string {
  return [
    'apiVersion: instance-store.csi.dev/v1alpha1',
    'kind: DriverConfiguration',
    'pools:',
    '  - name: sanity',
    `    disks: { match: [{ path: ${device} }] }`,
    '    carving: partition',
    '',
  ].join('\n');
}

try {
  const sanity = await buildSanity(interrupted.signal);
  const [mount, block] = [await runWith('mount', sanity), await runWith('block', sanity)];
  const counts: Counts = {
    passed: mount.passed + block.passed,
    failed: mount.failed + block.failed,
    skipped: mount.skipped + block.skipped,
  };
  const { SUITE_RESULT } = process.env;
  if (SUITE_RESULT !== undefined) await writeFile(SUITE_RESULT, JSON.stringify(counts));
  if (counts.failed > 0) process.exitCode = 1;
} catch (error) {
  if (!interrupted.signal.aborted) throw error;
  console.log('csi-sanity: interrupted');
  process.exitCode = 1;
}
