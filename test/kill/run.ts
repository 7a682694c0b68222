/**
 * Kills the shipped driver with SIGKILL at every effect of a volume's life, starts it again, repeats the call, and
 * compares what is then on the disk, in the kernel and in files with the same life undisturbed.
 *
 *   node test/kill/run.ts [--scenario NAME] [--step NAME] [--point N[+MS]]
 *
 * The end of an effect and the beginning of the next are one situation, of which one point is drawn; KILL_POINTS=all
 * tries both, KILL_POINTS=N about N points in all. KILL_SEED=N draws the same points and moments again; KILL_TO_END=N
 * goes on to the end of the life after every Nth point (1: after each), not only to the end of the repeated call.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Lab } from '../host/lab.ts';
import type { Counts } from '../suites.ts';
import { type Chapter, disturb, live, stepOf } from './life.ts';
import { oneOfEachPair, type Point, pointsOf, randomFrom, sample } from './points.ts';
import { SCENARIOS, type Scenario } from './scenario.ts';
import { parseTrace, straceCommand, withoutPoint } from './trace.ts';
import { World } from './world.ts';

const TO_END_EVERY = 4;
/** Each driver looks at the disks of all the others, so that more of them are slower. */
const WORKERS = 2;

const { values: wanted } = parseArgs({
  options: { scenario: { type: 'string' }, step: { type: 'string' }, point: { type: 'string' } },
});
const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 31));
const { KILL_POINTS = 'pairs' } = process.env;
const toEndEvery = wanted.point === undefined ? Number(process.env.KILL_TO_END ?? TO_END_EVERY) : 1;
const startedAtMs = Date.now();
const worlds: World[] = [];
const counts = { points: 0, passed: 0, failed: 0, skipped: 0, tried: 0, toEnd: 0 };

/** A point of a step, to be tried. */
type Trial = { readonly at: number; readonly step: string; readonly point: Point };

async function runScenario(scenario: Scenario, lab: Lab): Promise<void> {
  const world = new World(lab.path(scenario.name), scenario);
  worlds.push(world);
  try {
    const chapters = await liveTraced(world, lab);
    const trials = choose(chapters, randomFrom(seed ^ SCENARIOS.indexOf(scenario)));
    for (const at of chapters.keys())
      await tryAll(
        world,
        chapters,
        trials.filter((trial) => trial.at === at),
      );
  } catch (error) {
    fail(world, 'the undisturbed life', error, '');
  } finally {
    await world.clear().catch((error: unknown) => fail(world, 'the clearing', error, ''));
  }
}

/** The undisturbed life, under strace: what it did without a point is a failure. */
async function liveTraced(world: World, lab: Lab): Promise<readonly Chapter[]> {
  const output = lab.path(`${world.scenario.name}.strace`);
  const chapters = await live(world, lab.path(`${world.scenario.name}.situations`), straceCommand(output));
  const within = {
    recording: join(world.folder, 'points'),
    stateDirectory: join(world.folder, 'state'),
    socket: join(world.folder, 'csi.sock'),
  };
  const calls = parseTrace(readFileSync(output, 'utf8'));
  const lines = chapters.flatMap((chapter) => chapter.lines);
  const faults = withoutPoint(calls, lines, within);
  for (const fault of faults) fail(world, 'the trace', fault, '');
  if (faults.length === 0) counts.passed += 1;
  say(
    `${world.scenario.name}: ${lines.length} points; strace saw ${calls.length} calls and ${faults.length} without one`,
  );
  return chapters;
}

function choose(chapters: readonly Chapter[], random: () => number): readonly Trial[] {
  const { step, point } = wanted;
  const trials = chapters.flatMap((chapter, at) => {
    const all = pointsOf(chapter.lines, random);
    counts.points += all.length;
    const points = KILL_POINTS === 'pairs' && point === undefined ? oneOfEachPair(all, random) : all;
    return points.map((one): Trial => ({ at, point: one, step: stepOf(chapter).name }));
  });
  const spared = chapters[0]?.scenario.spared ?? [];
  if (point !== undefined) return chooseOne(trials, step, point);
  const due = trials.filter((trial) =>
    step === undefined ? !spared.includes(trial.step) : trial.step === step,
  );
  const chosen = /^\d+$/.test(KILL_POINTS)
    ? sample(due, Math.ceil(Number(KILL_POINTS) / SCENARIOS.length), random)
    : due;
  counts.skipped += due.length - chosen.length;
  return chosen;
}

/** The moment of a point during a host command is the one that was given, not the one drawn now. */
function chooseOne(trials: readonly Trial[], step: string | undefined, kill: string): readonly Trial[] {
  const [n, ms] = kill.split('+');
  const found = trials.find(
    (trial) =>
      trial.step === step &&
      trial.point.kill.split('+')[0] === n &&
      (ms !== undefined) === (trial.point.side === 'during'),
  );
  return found === undefined ? [] : [{ ...found, point: { ...found.point, kill } }];
}

async function tryAll(world: World, chapters: readonly Chapter[], trials: readonly Trial[]): Promise<void> {
  const [first] = trials;
  if (first === undefined) return;
  const [before, startMs] = [counts.failed, Date.now()];
  for (const { at, point, step } of trials) {
    counts.tried += 1;
    const toEnd = counts.tried % toEndEvery === 0;
    if (toEnd) counts.toEnd += 1;
    try {
      await disturb(world, chapters, at, point, toEnd);
      counts.passed += 1;
    } catch (error) {
      fail(world, `${step}, ${point.side} ${point.effect}`, error, ` --step ${step} --point ${point.kill}`);
    }
  }
  const failed = counts.failed === before ? '' : ', some failed';
  const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
  say(`${world.scenario.name}, ${first.step}: killed at ${trials.length} points${failed}, ${seconds} s`);
}

function fail(world: World, where: string, error: unknown, replay: string): void {
  counts.failed += 1;
  const words = error instanceof Error ? error.message : String(error);
  const { name } = world.scenario;
  say(`FAILED ${name}, ${where}: ${words}`);
  say(`    again: KILL_SEED=${seed} node test/kill/run.ts --scenario ${name}${replay}`);
  if (process.env.KILL_LOGS !== undefined) keepLog(world, words);
}

/** The driver's own log, as the next run begins with an empty folder. */
function keepLog({ folder }: World, why: string): void {
  const log = existsSync(join(folder, 'driver.log')) ? readFileSync(join(folder, 'driver.log'), 'utf8') : '';
  appendFileSync(process.env.KILL_LOGS ?? '', `== ${why}\n${log}`);
}

function say(text: string): void {
  console.log(`${((Date.now() - startedAtMs) / 1000).toFixed(0).padStart(4)} s  ${text}`);
}

function result(): Counts {
  const { passed, failed, skipped } = counts;
  return { passed, failed, skipped };
}

async function main(): Promise<void> {
  const scenarios = SCENARIOS.filter(({ name }) => wanted.scenario === undefined || wanted.scenario === name);
  if (scenarios.length === 0) throw new Error(`no scenario ${wanted.scenario}`);
  say(`seed ${seed}: ${scenarios.map(({ name }) => name).join(', ')}`);
  await using lab = await Lab.create();
  const end = async (): Promise<void> => {
    await Promise.allSettled(worlds.map((world) => world.driver.kill()));
    await lab[Symbol.asyncDispose]().finally(() => process.exit(130));
  };
  process.once('SIGINT', () => void end()).once('SIGTERM', () => void end());
  const waiting = [...scenarios];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await runScenario(next, lab);
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
}

await main();
const { points, tried, toEnd, passed, failed, skipped } = counts;
say(`${points} points, killed at ${tried}, ${toEnd} of them on to the end of the life; KILL_SEED=${seed}`);
say(`${passed} passed (each scenario's trace counts as one), ${failed} failed, ${skipped} left out`);
if (process.env.SUITE_RESULT !== undefined) writeFileSync(process.env.SUITE_RESULT, JSON.stringify(result()));
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
