import { readFile } from 'node:fs/promises';

/** What the driver shows of disks: in its reports and in its log. */

export type StatusJson = {
  readonly pools: readonly { readonly pool: string; readonly disks: number; readonly freeBytes: string }[];
  readonly disks: readonly { readonly disk: string; readonly identity: string; readonly verdict: string }[];
  readonly volumes: readonly { readonly handle: string; readonly name?: string; readonly state: string }[];
  readonly quarantined: readonly unknown[];
  readonly setAside: readonly string[];
};

export type PlanJson = {
  readonly steps: readonly { readonly kind: string; readonly because: string; readonly text: string }[];
  readonly leftAlone: readonly { readonly disk: string; readonly verdict: string }[];
};

export type WhyJson = {
  readonly disk: string;
  readonly identity: string;
  readonly verdict: string;
  readonly findings: readonly { readonly reason: string; readonly detail: string }[];
  readonly pools: readonly string[];
  readonly fingerprint?: string;
};

export type LogLine = { readonly msg: string; readonly [field: string]: unknown };

/** Every line of a driver's log; a line that is no JSON (a stack trace, say) is an error. */
export async function readLog(file: string): Promise<readonly LogLine[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as LogLine);
}

/** The first reason that a disk is refused with, or its whole verdict when it is not refused. */
export function reasonOf(rows: readonly { readonly disk: string; readonly verdict: string }[], disk: string) {
  const verdict = rows.find((row) => row.disk === disk)?.verdict ?? 'not shown';
  return /^refused: ([^(]*) \(/.exec(verdict)?.[1] ?? verdict;
}
