import { join } from 'node:path';
import { type Line, type Point, readLines } from './points.ts';
import type { Scenario } from './scenario.ts';
import { restore, type Situation, save } from './situation.ts';
import { differences, type State } from './state.ts';
import type { World } from './world.ts';

/** A step of a scenario as it goes when nobody disturbs it. */
export type Chapter = {
  readonly scenario: Scenario;
  readonly step: number;
  /** Before the step. */
  readonly situation: Situation;
  readonly lines: readonly Line[];
  /** After the step. */
  readonly state: State;
};

/**
 * Lives through a scenario once with one driver, and keeps what each step begins and ends with. `under` is a command
 * that runs the driver.
 */
export async function live(
  world: World,
  folder: string,
  under: readonly string[],
): Promise<readonly Chapter[]> {
  const { scenario } = world;
  const chapters: Chapter[] = [];
  await world.begin();
  let situation = await save(world, join(folder, '0'));
  let seen = 0;
  const recording = join(world.folder, 'points');
  await world.start({ crashpoints: `record:${recording}`, under });
  for (const [step, { run }] of scenario.steps.entries()) {
    await run(world);
    const lines = readLines(recording).slice(seen);
    seen += lines.length;
    chapters.push({ scenario, step, situation, lines: fromOne(lines), state: await world.state() });
    if (step + 1 < scenario.steps.length) situation = await save(world, join(folder, `${step + 1}`));
  }
  await world.stop();
  return chapters;
}

/** Numbered as by a driver that starts with this step: a start in the middle of a life has nothing to do. */
function fromOne(lines: readonly Line[]): readonly Line[] {
  const before = (lines[0]?.n ?? 1) - 1;
  return lines.map((line) => ({ ...line, n: line.n - before }));
}

/**
 * Goes through the step with a driver that is killed at the point, started again and called again, and if wanted
 * on to the end of the scenario. @throws when anything is other than in the undisturbed life
 */
export async function disturb(
  world: World,
  chapters: readonly Chapter[],
  at: number,
  point: Point,
  toEnd: boolean,
): Promise<void> {
  const chapter = chapters[at];
  const last = chapters.at(-1);
  if (chapter === undefined || last === undefined) throw new Error(`no step ${at}`);
  await restore(world, chapter.situation);
  await world.start({ crashpoints: `kill:${point.kill}` });
  await stepOf(chapter).run(world);
  await world.expectKilled();
  expectSame(await world.state(), chapter.state, 'after the repeated call');
  if (toEnd) {
    for (const later of chapters.slice(at + 1)) await stepOf(later).run(world);
    expectSame(await world.state(), last.state, 'at the end');
  }
  await world.stop();
}

export function stepOf({ scenario, step }: Chapter) {
  const found = scenario.steps[step];
  if (found === undefined) throw new Error(`${scenario.name} has no step ${step}`);
  return found;
}

function expectSame(found: State, wanted: State, when: string): void {
  const differing = differences(found, wanted);
  if (differing.length > 0) throw new Error(`another state ${when}:\n    ${differing.join('\n    ')}`);
}
