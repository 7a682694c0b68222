import { DriverError, messageOf } from '../model/errors.ts';

/** How both processes end. */

export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

/** 2: what was asked is wrong. 1: it could not be done. */
export function fail(error: unknown): never {
  const wrong =
    error instanceof DriverError && (error.kind === 'invalid-argument' || error.kind === 'not-found');
  const bug = !(error instanceof DriverError) && error instanceof Error ? `\n${error.stack}` : '';
  process.stderr.write(`instance-store-csi: ${messageOf(error)}${bug}\n`);
  process.exit(wrong ? 2 : 1);
}
