import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Bench, logTail } from './checks.ts';
import { parseReport, type Spec } from './report.ts';

export type Access = 'mount' | 'block';

const ROOT = join(import.meta.dirname, '../..');
const GIB = 1024n ** 3n;
const VOLUME_BYTES = 10n * GIB;
const EXPANDED_BYTES = 11n * GIB;

/** @returns the path of the pinned binary, built when it is not in the cache yet */
export async function buildSanity(stop: AbortSignal): Promise<string> {
  const { stdout } = await execa(join(ROOT, 'scripts/build-tool'), [join(ROOT, 'test/sanity')], {
    stderr: 'inherit',
    cancelSignal: stop,
  });
  return stdout.trim();
}

/** @throws when it does not finish: stopped, or without a driver, as that ended meanwhile */
export async function runSanity(
  access: Access,
  sanity: string,
  { driver, folder }: Bench,
  stop: AbortSignal,
): Promise<readonly Spec[]> {
  const report = join(folder, 'report.json');
  const driverEnded = new AbortController();
  driver.process.once('exit', () => driverEnded.abort());
  const { all, failed, isCanceled } = await execa(sanity, await argvOf(access, folder, report), {
    reject: false,
    all: true,
    cancelSignal: AbortSignal.any([stop, driverEnded.signal]),
  });
  if (isCanceled)
    throw new Error(`csi-sanity did not finish:\n${all}\nThe driver's log:\n${await logTail(driver)}`);
  const specs = parseReport(await readFile(report, 'utf8'));
  if (failed && specs.every(({ ended }) => ended !== 'failed'))
    throw new Error(`csi-sanity failed outside its tests:\n${all}`);
  return specs;
}

async function argvOf(access: Access, folder: string, report: string): Promise<readonly string[]> {
  const parameters = join(folder, 'parameters.yaml');
  await writeFile(parameters, 'pool: sanity\n');
  return [
    `-csi.endpoint=unix://${join(folder, 'driver/csi.sock')}`,
    `-csi.mountdir=${join(folder, 'mount')}`,
    `-csi.stagingdir=${join(folder, 'staging')}`,
    `-csi.testvolumeaccesstype=${access}`,
    `-csi.testvolumeparameters=${parameters}`,
    `-csi.testvolumesize=${VOLUME_BYTES}`,
    `-csi.testvolumeexpandsize=${EXPANDED_BYTES}`,
    `-ginkgo.json-report=${report}`,
    '-ginkgo.no-color',
  ];
}
