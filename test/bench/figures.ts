/** Numbers and how they are shown. */

/** One line of the table; `goal` is there when the figure has one to meet. */
export type Figure = {
  readonly what: string;
  readonly value: string;
  readonly compared?: string;
  readonly goal?: { readonly text: string; readonly met: boolean; readonly cause: string };
};

export type Section = { readonly title: string; readonly figures: readonly Figure[] };

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) throw new Error('no values, no median');
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

export const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
export const mib = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
export const times = (ratio: number): string => `${ratio.toFixed(2)} x`;

export async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await act();
  return performance.now() - startedAtMs;
}

function verdictOf({ goal }: Figure): string {
  if (goal === undefined) return '';
  return goal.met ? `met (${goal.text})` : `MISSED (${goal.text})`;
}

/** The least value that so many of a hundred do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const value = values.toSorted((a, b) => a - b)[Math.ceil((values.length * percent) / 100) - 1];
  if (value === undefined) throw new Error('no values, no percentile');
  return value;
}

export function tableOf({ title, figures }: Section): readonly string[] {
  const rows = figures.map((figure) => [figure.what, figure.value, figure.compared ?? '', verdictOf(figure)]);
  const missed = figures.flatMap(({ what, goal }) =>
    goal === undefined || goal.met ? [] : [`- ${what}: ${goal.cause}`],
  );
  const causes = missed.length === 0 ? [] : ['', 'Missed, because:', '', ...missed];
  return [`## ${title}`, '', ...table([['', 'driver', 'compared with', 'goal'], ...rows]), ...causes, ''];
}

/** Markdown, which is readable on a terminal too. The first row is the head. */
export function table([head = [], ...rows]: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)];
}
