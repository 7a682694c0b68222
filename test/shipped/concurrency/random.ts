/** Chance that can be had again: the same seed, the same draws in the same order. */
export type Random = {
  /** 0 <= n < 1 */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number;
  chance(probability: number): boolean;
};

/** @see https://en.wikipedia.org/wiki/Linear_congruential_generator (the constants of Numerical Recipes) */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return {
    next,
    int: (min, max) => min + Math.floor(next() * (max - min + 1)),
    chance: (probability) => next() < probability,
  };
}

/** Printed by the caller, and given back as TEST_SEED to play the same again. */
export function seedOfRun(): number {
  return Number(process.env.TEST_SEED ?? Date.now() % 2 ** 31);
}
