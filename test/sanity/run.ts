/**
 * csi-sanity against the shipped driver on a blank loop disk: once with filesystems, once with raw block.
 * No test may fail, and exactly the tests of what is not advertised may be skipped. Run by `make sanity` and by
 * test/run.ts, which reads the counts in the file that SUITE_RESULT names.
 */
import { writeFile } from 'node:fs/promises';
import { Lab } from '../host/lab.ts';
import { Driver } from '../player/driver.ts';
import type { Counts } from '../suites.ts';
import { availableBytes, type Bench, type Check, checksAfter, logTail, readLog } from './checks.ts';
import { type Access, buildSanity, runSanity } from './csi-sanity.ts';
import { EXPECTED_SKIPS } from './expected-skips.ts';
import { type Spec, unexpectedSkips } from './report.ts';

const GIB = 1024n ** 3n;
/** Sparse. Deleted volumes wait here to be sanitized while csi-sanity makes the next ones. */
const DISK_BYTES = 256n * GIB;
const PINO_WARN = 40;

type Run = { readonly specs: readonly Spec[]; readonly checks: readonly Check[]; readonly logFile: string };

/** `on`, not `once`: execa listens too, and ends this process when it finds itself the only listener left. */
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());

/** @returns the counts of one run over a disk and a driver of its own, told on standard output */
async function runWith(access: Access, sanity: string): Promise<Counts> {
  await using lab = await Lab.create();
  const startedAtMs = Date.now();
  const device = await lab.attach(await lab.image('disk.img', DISK_BYTES));
  const driver = await Driver.start({
    folder: lab.path('driver'),
    config: configOf(device),
  });
  try {
    const ran = await examine(access, sanity, { driver, device, folder: lab.folder });
    const counts = countsOf(ran);
    await tell(ran);
    const { passed, failed, skipped } = counts;
    const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
    console.log(
      `csi-sanity ${access}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds} s`,
    );
    return counts;
  } finally {
    await driver.stop();
  }
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

async function examine(access: Access, sanity: string, bench: Bench): Promise<Run> {
  const { driver, device } = bench;
  const before = await availableBytes(driver);
  if (before === 0n) throw new Error(`The driver did not take ${device}:\n${await logTail(driver)}`);
  const specs = await runSanity(access, sanity, bench, interrupted.signal);
  const skips: Check = {
    name: 'skipped is what is not advertised, and nothing else',
    against: unexpectedSkips(specs, EXPECTED_SKIPS),
  };
  return { specs, checks: [skips, ...(await checksAfter(bench, before))], logFile: driver.logFile };
}

function countsOf({ specs, checks }: Run): Counts {
  const ends = [
    ...specs.map(({ ended }) => ended),
    ...checks.map(({ against }) => (against.length === 0 ? 'passed' : 'failed')),
  ];
  const count = (wanted: Spec['ended']): number => ends.filter((end) => end === wanted).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/** Says what failed, each test with what the driver warned of meanwhile. */
async function tell({ specs, checks, logFile }: Run): Promise<void> {
  const log = (await readLog(logFile)).filter(({ level }) => level >= PINO_WARN);
  for (const { name, why, startedAtMs, endedAtMs } of specs.filter(({ ended }) => ended === 'failed')) {
    const lines = log.filter(({ atMs }) => atMs >= startedAtMs && atMs <= endedAtMs).map(({ text }) => text);
    console.log([`FAILED ${name}`, why, ...lines].join('\n').replaceAll('\n', '\n    '));
  }
  for (const { name, against } of checks.filter((check) => check.against.length > 0)) {
    console.log([`FAILED ${name}`, ...against].join('\n    '));
  }
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
