import { join } from 'node:path';
import { Driver } from '../player/driver.ts';
import type { Counts } from '../suites.ts';
import { availableBytes, type Bench, type Check, checksAfter, logTail, readLog } from './checks.ts';
import { type Access, runSanity } from './csi-sanity.ts';
import { EXPECTED_SKIPS } from './expected-skips.ts';
import { type Spec, unexpectedSkips } from './report.ts';

const PINO_WARN = 40;

/** A disk, and a folder for a driver of it. */
export type Place = Pick<Bench, 'device' | 'folder'> & {
  /** The driver's configuration, whose one pool is called `sanity` and has the disk. */
  readonly config: string;
};

type Run = { readonly specs: readonly Spec[]; readonly checks: readonly Check[]; readonly logFile: string };

/**
 * Runs csi-sanity once, against a driver of its own.
 * @returns the counts of its tests and of ours; what failed is told on standard output
 */
export async function examine(
  access: Access,
  sanity: string,
  { device, folder, config }: Place,
  stop: AbortSignal,
): Promise<Counts> {
  const startedAtMs = Date.now();
  const driver = await Driver.start({ folder: join(folder, 'driver'), config });
  try {
    const ran = await runAndCheck(access, sanity, { driver, device, folder }, stop);
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

async function runAndCheck(access: Access, sanity: string, bench: Bench, stop: AbortSignal): Promise<Run> {
  const { driver, device } = bench;
  const before = await availableBytes(driver);
  if (before === 0n) throw new Error(`The driver did not take ${device}:\n${await logTail(driver)}`);
  const specs = await runSanity(access, sanity, bench, stop);
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
