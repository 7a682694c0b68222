import * as v from 'valibot';

/** One test of csi-sanity, as Ginkgo reports it. */
export type Spec = {
  /** The texts of its containers and its own, joined by ` > `. */
  readonly name: string;
  readonly ended: 'passed' | 'failed' | 'skipped';
  /** Where and why it failed or was skipped. */
  readonly why: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
};

const specReport = v.object({
  ContainerHierarchyTexts: v.nullable(v.array(v.string())),
  LeafNodeType: v.string(),
  LeafNodeText: v.string(),
  State: v.string(),
  StartTime: v.string(),
  EndTime: v.string(),
  Failure: v.optional(
    v.object({
      Message: v.string(),
      Location: v.object({ FileName: v.string(), LineNumber: v.optional(v.number(), 0) }),
    }),
  ),
});

const ginkgoReport = v.pipe(v.array(v.object({ SpecReports: v.array(specReport) })), v.length(1));

/**
 * The tests of a report made by `-ginkgo.json-report`; a failed set-up or clean-up of the whole counts as one.
 * @throws when it is no such report
 */
export function parseReport(text: string): readonly Spec[] {
  const [suite] = v.parse(ginkgoReport, JSON.parse(text));
  return (suite?.SpecReports ?? [])
    .map(specOf)
    .filter(({ type, ended }) => type === 'It' || ended === 'failed');
}

function specOf(report: v.InferOutput<typeof specReport>): Spec & { readonly type: string } {
  const { ContainerHierarchyTexts, LeafNodeType, LeafNodeText, Failure } = report;
  const at = Failure === undefined ? '' : `${Failure.Location.FileName}:${Failure.Location.LineNumber}`;
  return {
    type: LeafNodeType,
    name: [...(ContainerHierarchyTexts ?? []), LeafNodeText || LeafNodeType].join(' > '),
    ended: endOf(report.State),
    why: Failure === undefined ? '' : `${at}\n${Failure.Message}`,
    startedAtMs: Date.parse(report.StartTime),
    endedAtMs: Date.parse(report.EndTime),
  };
}

/** Ginkgo knows many ways to fail: panicked, timed out, aborted, interrupted. Only two states are none. */
function endOf(state: string): Spec['ended'] {
  if (state === 'passed') return 'passed';
  return state === 'skipped' || state === 'pending' ? 'skipped' : 'failed';
}

/** What the skips say that they should not: a test that is skipped and is not expected to be, or the reverse. */
export function unexpectedSkips(specs: readonly Spec[], expected: readonly string[]): readonly string[] {
  const skipped = specs.filter(({ ended }) => ended === 'skipped');
  const unexpected = skipped.filter(({ name }) => !expected.includes(name));
  const missing = expected.filter((name) => !skipped.some((spec) => spec.name === name));
  return [
    ...unexpected.map(
      ({ name, why }) => `skipped, and not expected to be: ${name} (${why.replaceAll('\n', ': ')})`,
    ),
    ...missing.map((name) => `expected to be skipped, and not skipped: ${name}`),
  ];
}
