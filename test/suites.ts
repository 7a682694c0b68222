/** What a suite needs of the machine before it can run at all. */
type Need = 'root' | 'loop devices' | 'image builder' | 'emulator';

export type Suite = {
  readonly name: string;
  /** The folder it lives in; a suite without one is not written yet. */
  readonly folder: string;
  /** jest: a project of jest.config.ts. script: a program that writes its Counts to the file named by SUITE_RESULT. */
  readonly kind: 'jest' | 'script';
  readonly needs: readonly Need[];
  /** `when asked`: what an installation is made of, and a cluster for it: `make e2e`; another kernel: `make vm`. */
  readonly runs: 'always' | 'unless fast' | 'when asked';
  /** What it takes on two cores that nobody else wants: with less time left it is not begun. */
  readonly usuallyMs: number;
  readonly timeoutMs: number;
};

const minutes = (n: number): number => n * 60_000;

/** Every suite, in the order they run: what fails soonest and cheapest comes first. */
export const SUITES: readonly Suite[] = [
  {
    name: 'unit',
    folder: 'test/unit',
    kind: 'jest',
    needs: [],
    runs: 'always',
    usuallyMs: minutes(1),
    timeoutMs: minutes(3),
  },
  {
    name: 'property',
    folder: 'test/property',
    kind: 'jest',
    needs: [],
    runs: 'always',
    usuallyMs: minutes(1),
    timeoutMs: minutes(3),
  },
  {
    name: 'host',
    folder: 'test/host',
    kind: 'jest',
    needs: ['root', 'loop devices'],
    runs: 'always',
    usuallyMs: minutes(2),
    timeoutMs: minutes(5),
  },
  {
    name: 'shipped',
    folder: 'test/shipped',
    kind: 'jest',
    needs: ['root', 'loop devices'],
    runs: 'unless fast',
    usuallyMs: minutes(18),
    timeoutMs: minutes(45),
  },
  {
    name: 'sanity',
    folder: 'test/sanity',
    kind: 'script',
    needs: ['root', 'loop devices'],
    runs: 'unless fast',
    usuallyMs: minutes(2),
    timeoutMs: minutes(15),
  },
  {
    name: 'kill',
    folder: 'test/kill',
    kind: 'script',
    needs: ['root', 'loop devices'],
    runs: 'unless fast',
    usuallyMs: minutes(5),
    timeoutMs: minutes(15),
  },
  {
    name: 'manifests',
    folder: 'test/manifests',
    kind: 'jest',
    needs: [],
    runs: 'when asked',
    usuallyMs: minutes(2),
    timeoutMs: minutes(25),
  },
  {
    name: 'image',
    folder: 'test/image',
    kind: 'jest',
    needs: ['root', 'image builder'],
    runs: 'when asked',
    usuallyMs: minutes(6),
    timeoutMs: minutes(35),
  },
  {
    name: 'e2e',
    folder: 'test/cluster',
    kind: 'jest',
    needs: ['root', 'loop devices'],
    runs: 'when asked',
    usuallyMs: minutes(25),
    timeoutMs: minutes(45),
  },
  {
    name: 'vm',
    folder: 'test/vm',
    kind: 'jest',
    needs: ['root', 'emulator'],
    runs: 'when asked',
    usuallyMs: minutes(20),
    timeoutMs: minutes(45),
  },
  {
    name: 'vm-lvm',
    folder: 'test/vm/lvm',
    kind: 'jest',
    needs: ['root', 'emulator'],
    runs: 'when asked',
    usuallyMs: minutes(20),
    timeoutMs: minutes(45),
  },
  {
    name: 'vm-arrays',
    folder: 'test/vm/arrays',
    kind: 'jest',
    needs: ['root', 'emulator'],
    runs: 'when asked',
    usuallyMs: minutes(25),
    timeoutMs: minutes(45),
  },
  {
    name: 'vm-powercut',
    folder: 'test/vm/powercut',
    kind: 'jest',
    needs: ['root', 'emulator'],
    runs: 'when asked',
    usuallyMs: minutes(12),
    timeoutMs: minutes(45),
  },
];

export type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };

export type Outcome =
  | { readonly is: 'passed'; readonly counts: Counts }
  | { readonly is: 'failed'; readonly counts: Counts; readonly why: string }
  | { readonly is: 'not run'; readonly why: string };

/** What is known of the machine and of what was asked for, when it is decided which suites run. */
export type Situation = {
  readonly fast: boolean;
  /** Until the run is to have ended. */
  readonly leftMs: number;
  readonly isRoot: boolean;
  readonly hasLoopDevices: boolean;
  /** buildah, and mmdebstrap for what it builds upon. */
  readonly hasImageBuilder: boolean;
  /** QEMU, and mmdebstrap for what it boots. */
  readonly hasEmulator: boolean;
  /** Whether the entry point of a suite is in the tree. */
  readonly isWritten: (suite: Suite) => boolean;
};

/** Why a suite cannot or shall not run here; undefined when it runs. */
export function reasonNotToRun(suite: Suite, situation: Situation): string | undefined {
  if (situation.leftMs < suite.usuallyMs)
    return `it takes ${suite.usuallyMs / minutes(1)} minutes, and fewer are left`;
  if (!situation.isWritten(suite)) return 'not written yet';
  if (suite.runs !== 'always' && situation.fast) return 'left out by --fast';
  if (suite.needs.includes('root') && !situation.isRoot) return 'needs root';
  if (suite.needs.includes('loop devices') && !situation.hasLoopDevices) return 'no loop devices here';
  if (suite.needs.includes('image builder') && !situation.hasImageBuilder)
    return 'no buildah and mmdebstrap here';
  if (suite.needs.includes('emulator') && !situation.hasEmulator) return 'no QEMU and mmdebstrap here';
  return undefined;
}

/** How a suite's process ended: by itself, by a signal, or killed by the runner when its time was up. */
export type End =
  | { readonly by: 'exit'; readonly code: number }
  | { readonly by: 'signal'; readonly signal: string }
  | { readonly by: 'timeout'; readonly timeoutMs: number };

/**
 * What a suite that ran amounts to. `counts` is undefined when it left none behind.
 * A suite in which no test ran is a failure, and so is one whose exit code and counts disagree.
 */
export function outcomeOf(end: End, counts: Counts | undefined): Outcome {
  const why = whyFailed(end, counts);
  if (why === undefined && counts !== undefined) return { is: 'passed', counts };
  const known = counts ?? { passed: 0, failed: 0, skipped: 0 };
  return {
    is: 'failed',
    counts: { ...known, failed: Math.max(known.failed, 1) },
    why: why ?? 'it left no counts',
  };
}

function whyFailed(end: End, counts: Counts | undefined): string | undefined {
  if (end.by === 'timeout') return `still running after ${Math.round(end.timeoutMs / 1000)} s`;
  if (end.by === 'signal') return `ended by ${end.signal}`;
  if (counts === undefined) return `exit code ${end.code}, and it left no counts`;
  if (counts.failed > 0) return `${counts.failed} failed`;
  if (end.code !== 0) return `exit code ${end.code}`;
  if (counts.passed === 0) return 'no test ran';
  return undefined;
}

/**
 * The sum over all suites, as tests. A suite that failed counts as one failed test at least, one that did not
 * run as one skipped, so that the last line never looks better than the run was.
 */
export function total(outcomes: readonly Outcome[]): Counts {
  return outcomes
    .map((outcome) => (outcome.is === 'not run' ? { passed: 0, failed: 0, skipped: 1 } : outcome.counts))
    .reduce(
      (sum, counts) => ({
        passed: sum.passed + counts.passed,
        failed: sum.failed + counts.failed,
        skipped: sum.skipped + counts.skipped,
      }),
      { passed: 0, failed: 0, skipped: 0 },
    );
}

/** The last line of a run. */
export function lastLine(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}

/** One line on one suite. */
export function describeOutcome(name: string, outcome: Outcome): string {
  if (outcome.is === 'not run') return `${name}: NOT RUN (${outcome.why})`;
  const counts = lastLine(outcome.counts);
  return outcome.is === 'passed'
    ? `${name}: passed (${counts})`
    : `${name}: failed (${outcome.why}; ${counts})`;
}

/** The counts of a suite's result file, of jest's JSON or of a script's own; undefined when it is neither. */
export function parseCounts(kind: Suite['kind'], text: string): Counts | undefined {
  let result: unknown;
  try {
    result = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof result !== 'object' || result === null) return undefined;
  const field = (name: string): number => Number((result as Record<string, unknown>)[name]);
  const counts =
    kind === 'script'
      ? { passed: field('passed'), failed: field('failed'), skipped: field('skipped') }
      : {
          passed: field('numPassedTests'),
          // A file that could not even be loaded holds no tests, yet is a failure.
          failed: field('numFailedTests') + field('numRuntimeErrorTestSuites'),
          skipped: field('numPendingTests') + field('numTodoTests'),
        };
  return Object.values(counts).every((n) => Number.isSafeInteger(n) && n >= 0) ? counts : undefined;
}
