/** As much of what jest hands to a reporter as is told. */
type Test = { readonly context: { readonly config: { readonly displayName?: { readonly name: string } } } };
type Result = {
  readonly status: string;
  readonly fullName: string;
  readonly duration?: number | null;
  readonly failureMessages: readonly string[];
};

/** Tells each test of the cluster as it ends: the suite is one file, and jest itself is silent until a file ends. */
export default class ProgressReporter {
  onTestCaseResult({ context }: Test, { status, fullName, duration, failureMessages }: Result): void {
    if (context.config.displayName?.name !== 'e2e' || status === 'pending') return;
    const seconds = Math.round((duration ?? 0) / 1000);
    process.stderr.write(`${status.padEnd(6)} ${String(seconds).padStart(4)} s  ${fullName}\n`);
    for (const message of failureMessages) process.stderr.write(`${message}\n`);
  }
}
