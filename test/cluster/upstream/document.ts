import { table } from '../../bench/figures.ts';
import type { Spec } from '../../sanity/report.ts';
import { LEFT_OUT, labelOf } from './left-out.ts';

type Run = {
  readonly version: string;
  readonly date: string;
  /** All that the suite has for the driver, those that were left out too. */
  readonly specs: readonly Spec[];
};

/** What a run amounts to: `N passed, N failed, N skipped, N left out`. */
export function summaryOf(specs: readonly Spec[]): string {
  const count = (holds: (spec: Spec) => boolean): number => specs.filter(holds).length;
  return [
    `${count(({ ended }) => ended === 'passed')} passed`,
    `${count(({ ended }) => ended === 'failed')} failed`,
    `${count(isSkipped)} skipped`,
    `${count(isLeftOut)} left out`,
  ].join(', ');
}

/** By the suite itself, with its reason. */
const isSkipped = ({ ended, why }: Spec): boolean => ended === 'skipped' && why !== '';
/** By us, before it began. */
export const isLeftOut = ({ ended, why }: Spec): boolean => ended === 'skipped' && why === '';

/** The reasons for which specs were skipped, each with how many. */
export function skipsOf(specs: readonly Spec[]): readonly (readonly [number, string])[] {
  return counted(specs.filter(isSkipped).map(({ why }) => why.split('\n').at(-1) ?? ''));
}

/** docs/conformance.md. */
export function documentOf({ version, date, specs }: Run): string {
  const ran = specs.filter(({ ended }) => ended !== 'skipped');
  const lines = [
    "# Kubernetes' own storage tests",
    '',
    `\`make e2e-kubernetes\` on ${date}: the External Storage suite of Kubernetes ${version}, from its Go module, against the`,
    'driver on the cluster of `make cluster`. What the driver says it can do is `test/cluster/upstream/driver.yaml`.',
    '`node test/cluster/upstream/run.ts --write` rewrites this page.',
    '',
    `**${summaryOf(specs)}.**`,
    '',
    '## What ran',
    '',
    ...table([
      ['specs', 'failed', 'of the group'],
      ...counted(ran.map(groupOf)).map(([count, group]) => [
        String(count),
        String(ran.filter((spec) => groupOf(spec) === group && spec.ended === 'failed').length),
        group,
      ]),
    ]),
    '',
    ...failures(ran),
    '## What the suite skipped, and why',
    '',
    ...table([['specs', "the suite's words"], ...skipsOf(specs).map(([count, why]) => [String(count), why])]),
    '',
    '## What was left out',
    '',
    ...table([
      ['specs', 'label', 'because'],
      ...counted(specs.filter(isLeftOut).map(({ name }) => labelOf(name) ?? '')).map(([count, label]) => [
        String(count),
        label,
        LEFT_OUT[label] ?? '',
      ]),
    ]),
    '',
  ];
  return lines.join('\n');
}

function failures(specs: readonly Spec[]): readonly string[] {
  const failed = specs.filter(({ ended }) => ended === 'failed');
  if (failed.length === 0) return [];
  const rows = failed.map(({ name, why }) => [name.split(' > ').at(-1) ?? name, why.split('\n')[0] ?? '']);
  return ['## What failed', '', ...table([['spec', "the suite's words"], ...rows]), ''];
}

/** `[Testpattern: Dynamic PV (xfs)][Slow] volumes` is of the group `volumes`. */
function groupOf({ name }: Spec): string {
  const [, container = ''] = name.split(' > ');
  return container.replaceAll(/\[[^\]]*\]/g, '').trim();
}

function counted(texts: readonly string[]): readonly (readonly [number, string])[] {
  return [...new Set(texts)]
    .map((text) => [texts.filter((each) => each === text).length, text] as const)
    .toSorted(([a, one], [b, other]) => b - a || one.localeCompare(other));
}
