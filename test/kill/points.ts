import { readFileSync } from 'node:fs';

/** Where a driver can be killed, as it tells by INSTANCE_STORE_CSI_CRASHPOINTS=record:FILE. */
export type Line = {
  readonly n: number;
  readonly effect: string;
  readonly side: 'before' | 'during' | 'after';
  readonly ms?: number | null;
};

/** `kill` is what the variable is given after `kill:`. */
export type Point = { readonly kill: string; readonly side: Line['side']; readonly effect: string };

export function readLines(file: string): readonly Line[] {
  const text = readFileSync(file, 'utf8').trim();
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as Line);
}

/** Every point before and after an effect, and a random moment during each host command. */
export function pointsOf(lines: readonly Line[], random: () => number): readonly Point[] {
  return lines.map(({ n, effect, side }, at) => {
    if (side !== 'during') return { kill: `${n}`, side, effect };
    const end = lines.slice(at).find((line) => line.side === 'after' && line.effect === effect);
    return { kill: `${n}+${((end?.ms ?? 0) * random()).toFixed(2)}`, side, effect };
  });
}

/**
 * Between the end of one effect and the beginning of the next nothing is changed, which the trace proves: of these two
 * points one is drawn.
 */
export function oneOfEachPair(points: readonly Point[], random: () => number): readonly Point[] {
  const isPair = (at: number) => points[at]?.side === 'after' && points[at + 1]?.side === 'before';
  const first = points.map(() => random() < 0.5);
  return points.filter((_, at) => (isPair(at) ? first[at] : isPair(at - 1) ? !first[at - 1] : true));
}

/** Numbers of [0, 1) that are the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` of them, each as likely as the others, in their order. */
export function sample<T>(all: readonly T[], count: number, random: () => number): readonly T[] {
  const drawn = all.map((_, at) => ({ at, order: random() })).sort((a, b) => a.order - b.order);
  const chosen = new Set(drawn.slice(0, count).map(({ at }) => at));
  return all.filter((_, at) => chosen.has(at));
}
