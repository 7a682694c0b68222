import { type Chapter, stepOf } from './life.ts';
import { oneOfEachPair, type Point, pointsOf, sample } from './points.ts';
import { SCENARIOS } from './scenario.ts';
import type { World } from './world.ts';

/** What a scenario was when nobody disturbed it, and the world to disturb it in. */
export type Life = { readonly world: World; readonly chapters: readonly Chapter[] };

/** A driver to be killed: in step `at` of the life, at the point. */
export type Trial = {
  readonly life: Life;
  readonly at: number;
  readonly step: string;
  readonly point: Point;
};

export type Choice = {
  /** `pairs`: of the end of an effect and the beginning of the next one is drawn. A number: so many in all. */
  readonly points: string;
  readonly step: string | undefined;
  /** `N` or `N+MS`: this one only. */
  readonly point: string | undefined;
};

export function choose(life: Life, choice: Choice, random: () => number): readonly Trial[] {
  const trials = life.chapters.flatMap((chapter, at) => {
    const all = pointsOf(chapter.lines, random);
    const points = choice.points === 'pairs' && choice.point === undefined ? oneOfEachPair(all, random) : all;
    return points.map((point): Trial => ({ life, at, point, step: stepOf(chapter).name }));
  });
  if (choice.point !== undefined) return chooseOne(trials, choice.step, choice.point);
  const { spared } = life.world.scenario;
  const due = trials.filter(({ step }) =>
    choice.step === undefined ? !spared.includes(step) : step === choice.step,
  );
  if (!/^\d+$/.test(choice.points)) return due;
  return sample(due, Math.ceil(Number(choice.points) / SCENARIOS.length), random);
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
