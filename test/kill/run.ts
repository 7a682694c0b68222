/**
 * Kills the shipped driver with SIGKILL at every effect of a volume's life, starts it again, repeats the call, and
 * compares what is then on the disk, in the kernel and in files with the same life undisturbed.
 *
 *   node test/kill/run.ts [--scenario NAME] [--step NAME] [--point N[+MS]]
 *
 * The end of an effect and the beginning of the next are one situation, of which one point is drawn; KILL_POINTS=all
 * tries both, KILL_POINTS=N about N points in all. KILL_SEED=N draws the same points and moments again; KILL_TO_END=N
 * goes on to the end of the life after every Nth point (1: after each), not only to the end of the repeated call.
 * KILL_SECONDS=N begins no other point after so long (0: never mind); what is left out then counts as skipped.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Lab } from '../host/lab.ts';
import { disturb, live } from './life.ts';
import { randomFrom } from './points.ts';
import { SCENARIOS, type Scenario } from './scenario.ts';
import { parseTrace, straceCommand, withoutPoint } from './trace.ts';
import { choose, type Life, type Trial } from './trials.ts';
import { World } from './world.ts';

const { values: wanted } = parseArgs({
  options: { scenario: { type: 'string' }, step: { type: 'string' }, point: { type: 'string' } },
});
const { KILL_POINTS = 'pairs', KILL_SEED, KILL_TO_END = '8', KILL_SECONDS = '200', KILL_LOGS } = process.env;
/** Each driver looks at the disks of all the others, so that more of them are slower. */
const WORKERS = 2;
const SAY_EVERY = 10;

const seed = Number(KILL_SEED ?? Math.floor(Math.random() * 2 ** 31));
const random = randomFrom(seed);
const startedAtMs = Date.now();
const secondsSpent = (): number => (Date.now() - startedAtMs) / 1000;
const worlds: World[] = [];
/** Aborted by Ctrl-C or SIGTERM: what fails from then on says nothing. */
const interrupted = new AbortController();
const counts = { points: 0, passed: 0, failed: 0, skipped: 0, tried: 0, toEnd: 0 };

/** The undisturbed life, under strace: what it did without a point is a failure. */
async function liveTraced(scenario: Scenario, lab: Lab): Promise<Life | undefined> {
  const { name } = scenario;
  const world = new World(lab.path(name), scenario);
  worlds.push(world);
  const output = lab.path(`${name}.strace`);
  try {
    const chapters = await live(world, lab.path(`${name}.situations`), straceCommand(output));
    const lines = chapters.flatMap((chapter) => chapter.lines);
    const calls = parseTrace(readFileSync(output, 'utf8'));
    const faults = withoutPoint(calls, lines, {
      recording: join(world.folder, 'points'),
      stateDirectory: join(world.folder, 'state'),
      sockets: [join(world.folder, 'csi.sock'), join(world.folder, 'state/driver.sock')],
    });
    for (const fault of faults) fail(world, 'the trace', fault, '');
    if (faults.length === 0) counts.passed += 1;
    counts.points += lines.length;
    say(`${name}: ${lines.length} points; strace saw ${calls.length} calls, ${faults.length} outside them`);
    await world.clear();
    return { world, chapters };
  } catch (error) {
    fail(world, 'the undisturbed life', error, '');
    return undefined;
  }
}

async function tryOne({ life: { world, chapters }, at, step, point }: Trial): Promise<void> {
  counts.tried += 1;
  const toEnd = wanted.point !== undefined || counts.tried % Number(KILL_TO_END) === 0;
  if (toEnd) counts.toEnd += 1;
  try {
    await disturb(world, chapters, at, point, toEnd);
    await world.clear();
    counts.passed += 1;
  } catch (error) {
    fail(world, `${step}, ${point.side} ${point.effect}`, error, ` --step ${step} --point ${point.kill}`);
  }
  if (counts.tried % SAY_EVERY === 0) say(`killed at ${counts.tried} points, ${counts.failed} failed`);
}

function fail(world: World, where: string, error: unknown, replay: string): void {
  if (interrupted.signal.aborted) return;
  counts.failed += 1;
  const words = error instanceof Error ? error.message : String(error);
  const { name } = world.scenario;
  say(`FAILED ${name}, ${where}: ${words}`);
  say(`    again: KILL_SEED=${seed} node test/kill/run.ts --scenario ${name}${replay}`);
  const log = join(world.folder, 'driver.log');
  if (KILL_LOGS !== undefined && existsSync(log)) {
    appendFileSync(KILL_LOGS, `== ${words}\n${readFileSync(log, 'utf8')}`);
  }
}

function say(text: string): void {
  console.log(`${secondsSpent().toFixed(0).padStart(4)} s  ${text}`);
}

/** One world is disturbed by one trial at a time. */
async function tryAll(trials: readonly Trial[]): Promise<void> {
  const waiting = [...trials];
  const busy = new Set<World>();
  const next = (): Trial | undefined => {
    if (interrupted.signal.aborted) return undefined;
    if (Number(KILL_SECONDS) > 0 && secondsSpent() > Number(KILL_SECONDS)) return undefined;
    const at = waiting.findIndex(({ life }) => !busy.has(life.world));
    return at < 0 ? undefined : waiting.splice(at, 1)[0];
  };
  const work = async (): Promise<void> => {
    for (let trial = next(); trial !== undefined; trial = next()) {
      busy.add(trial.life.world);
      await tryOne(trial);
      busy.delete(trial.life.world);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  counts.skipped += waiting.length;
}

async function liveAll(scenarios: readonly Scenario[], lab: Lab): Promise<readonly Life[]> {
  const waiting = [...scenarios];
  const lives: Life[] = [];
  const work = async (): Promise<void> => {
    for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift()) {
      const life = await liveTraced(scenario, lab);
      if (life !== undefined) lives.push(life);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  // Whichever was lived first: the same seed draws the same points.
  return lives.toSorted((a, b) => SCENARIOS.indexOf(a.world.scenario) - SCENARIOS.indexOf(b.world.scenario));
}

async function main(): Promise<void> {
  const scenarios = SCENARIOS.filter(({ name }) => wanted.scenario === undefined || wanted.scenario === name);
  if (scenarios.length === 0) throw new Error(`no scenario ${wanted.scenario}`);
  say(`seed ${seed}: ${scenarios.map(({ name }) => name).join(', ')}`);
  await using lab = await Lab.create();
  const end = async (): Promise<void> => {
    interrupted.abort();
    await Promise.allSettled(worlds.map((world) => world.clear()));
    await lab[Symbol.asyncDispose]().finally(() => process.exit(130));
  };
  process.once('SIGINT', () => void end()).once('SIGTERM', () => void end());
  const lives = await liveAll(scenarios, lab);
  const choice = { points: KILL_POINTS, step: wanted.step, point: wanted.point };
  const trials = lives.flatMap((life) => choose(life, choice, random));
  await tryAll(shuffled(trials));
}

/** So that what there is no time for is left out everywhere alike. */
function shuffled<T>(all: readonly T[]): readonly T[] {
  return all
    .map((one) => ({ one, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ one }) => one);
}

await main();
const { points, tried, toEnd, passed, failed, skipped } = counts;
say(`${points} points, killed at ${tried}, ${toEnd} of them on to the end of the life; KILL_SEED=${seed}`);
say(`${passed} passed (each scenario's trace counts as one), ${failed} failed, ${skipped} left out`);
if (process.env.SUITE_RESULT !== undefined) {
  writeFileSync(process.env.SUITE_RESULT, JSON.stringify({ passed, failed, skipped }));
}
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
