/**
 * Runs the test suites one after the other, their output streamed, and says of each how it ended.
 * The last line is `N passed, N failed, N skipped`; the exit code is 1 when anything failed.
 *
 *   node test/run.ts [--fast] [--end-within MINUTES] [SUITE...]
 *
 * `all` names every suite, those that only run when asked for too. A suite that usually takes longer than is left of
 * MINUTES is not begun, and one that takes longer than usual is ended then, so that the run ends and says how.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  type Counts,
  describeOutcome,
  type End,
  lastLine,
  type Outcome,
  outcomeOf,
  parseCounts,
  reasonNotToRun,
  type Situation,
  SUITES,
  type Suite,
  total,
} from './suites.ts';

const ROOT = join(import.meta.dirname, '..');

/** A tool that a test starts by `#!/usr/bin/env node` is to get this Node, not the machine's. */
const PATH_WITH_NODE_24 = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`;

/** Time for a suite that was told to end to detach its loop devices, before it is killed. */
const GRACE_MS = 15_000;

/** Aborted by Ctrl-C or SIGTERM: the running suite is told to end and clean up, and no other is started. */
const interrupted = interruption();

function interruption(): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  process.on('SIGINT', abort).on('SIGTERM', abort);
  return controller.signal;
}

const scriptOf = (suite: Suite): string => join(ROOT, suite.folder, 'run.ts');

function commandOf(suite: Suite, resultFile: string): readonly string[] {
  if (suite.kind === 'script') return [scriptOf(suite)];
  return [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(ROOT, 'node_modules/jest/bin/jest.js'),
    '--selectProjects',
    suite.name,
    '--json',
    `--outputFile=${resultFile}`,
    // Two files at a time also where the machine has more cores: all share its loop devices and its disks.
    ...(suite.needs.length > 0 ? ['--maxWorkers=2'] : []),
  ];
}

/** Signals the whole process group of a suite, so that no driver it started outlives it. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, signal);
}

async function endOf(child: ChildProcess, timeoutMs: number): Promise<End> {
  const ended = new Promise<End>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      resolve(signal === null ? { by: 'exit', code: code ?? 1 } : { by: 'signal', signal }),
    );
  });
  const late = new AbortController();
  const first = await Promise.race([
    ended,
    sleep(timeoutMs, undefined, { signal: late.signal }).catch(() => undefined),
  ]);
  late.abort();
  if (first !== undefined) return first;
  signalGroup(child, 'SIGTERM');
  await Promise.race([ended, sleep(GRACE_MS, undefined, { ref: false })]);
  signalGroup(child, 'SIGKILL');
  await ended;
  return { by: 'timeout', timeoutMs };
}

async function runSuite(suite: Suite): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'suite-'));
  const resultFile = join(folder, 'result.json');
  const child = spawn(process.execPath, commandOf(suite, resultFile), {
    cwd: ROOT,
    env: { ...process.env, PATH: PATH_WITH_NODE_24, SUITE_RESULT: resultFile },
    // jest's JSON goes to the file; what it prints for people goes to stderr.
    stdio: ['ignore', suite.kind === 'jest' ? 'ignore' : 'inherit', 'inherit'],
    detached: true,
  });
  const passOn = (): void => signalGroup(child, 'SIGTERM');
  interrupted.addEventListener('abort', passOn);
  try {
    const timeoutMs = Math.min(suite.timeoutMs, endWithinMs - performance.now());
    return outcomeOf(await endOf(child, timeoutMs), readCounts(suite, resultFile));
  } finally {
    interrupted.removeEventListener('abort', passOn);
    rmSync(folder, { recursive: true });
  }
}

function readCounts(suite: Suite, file: string): Counts | undefined {
  return existsSync(file) ? parseCounts(suite.kind, readFileSync(file, 'utf8')) : undefined;
}

function hasLoopDevices(): boolean {
  try {
    accessSync('/dev/loop-control');
    return true;
  } catch {
    return false;
  }
}

function hasProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, name)));
}

function chosenSuites(names: readonly string[]): readonly Suite[] {
  if (names.includes('all')) return SUITES;
  const unknown = names.filter((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    throw new Error(
      `No suite ${unknown.join(', ')}: there are ${SUITES.map((suite) => suite.name).join(', ')}, and all`,
    );
  }
  return SUITES.filter((suite) =>
    names.length === 0 ? suite.runs !== 'when asked' : names.includes(suite.name),
  );
}

const { values, positionals } = parseArgs({
  options: {
    fast: { type: 'boolean', default: false },
    'end-within': { type: 'string', default: 'Infinity' },
  },
  allowPositionals: true,
});
const endWithinMs = Number(values['end-within']) * 60_000;
if (!(endWithinMs > 0)) throw new Error(`--end-within ${values['end-within']}: want a number of minutes`);
const situation: Omit<Situation, 'leftMs'> = {
  fast: values.fast,
  isRoot: process.getuid?.() === 0,
  hasLoopDevices: hasLoopDevices(),
  hasImageBuilder: hasProgram('buildah') && hasProgram('mmdebstrap'),
  hasEmulator: hasProgram('qemu-system-x86_64') && hasProgram('mmdebstrap'),
  isWritten: (suite) => existsSync(suite.kind === 'script' ? scriptOf(suite) : join(ROOT, suite.folder)),
};

const lines: string[] = [];
const outcomes: Outcome[] = [];
for (const suite of chosenSuites(positionals)) {
  console.log(`\n== ${suite.name}`);
  const startedAtMs = Date.now();
  const why = interrupted.aborted
    ? 'interrupted'
    : reasonNotToRun(suite, { ...situation, leftMs: endWithinMs - performance.now() });
  const outcome: Outcome = why === undefined ? await runSuite(suite) : { is: 'not run', why };
  outcomes.push(outcome);
  lines.push(
    `${describeOutcome(suite.name, outcome)}${why ? '' : ` in ${Math.round((Date.now() - startedAtMs) / 1000)} s`}`,
  );
  console.log(lines.at(-1));
}
const sum = total(outcomes);
console.log(['', ...lines, lastLine(sum)].join('\n'));
process.exitCode = sum.failed > 0 || interrupted.aborted ? 1 : 0;
