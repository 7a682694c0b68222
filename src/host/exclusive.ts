import { DriverError } from '../model/errors.ts';
import type { Exec } from './exec.ts';
import { probeProgram } from './probe.ts';

/** Of each disk, to be opened. */
const TIMEOUT_MS = 20_000;

/**
 * Does `work` while a child has the disks open exclusively (open(2), O_EXCL on a block device), so that in the meantime
 * nobody in any namespace can mount it, swap on it or make a filesystem. Commands of `work` must not ask for that
 * themselves: blkdiscard wants its force, the probe must not ask; sfdisk goes on without. Should the child be killed,
 * `expectHeld` throws: call it before each write.
 *
 * @throws DriverError `host-failed` when somebody else has one of the disks, `unknown` when one does not answer, or as `work`
 * does
 */
export async function whileHeld<T>(
  exec: Exec,
  paths: readonly string[],
  work: (expectHeld: () => void) => Promise<T>,
): Promise<T> {
  const { promise: until, resolve: letGo } = Promise.withResolvers<void>();
  const { promise: held, resolve: onOutput } = Promise.withResolvers<void>();
  let ended = false;
  const child = exec({
    command: process.execPath,
    args: [probeProgram(import.meta.url), '--hold', ...paths],
    timeoutMs: TIMEOUT_MS * paths.length,
    device: paths.join(' '),
    keep: { until, onOutput },
  }).finally(() => {
    ended = true;
  });
  try {
    await Promise.race([held, child]);
    return await work(() => {
      if (ended)
        throw new DriverError(
          'unknown',
          `The child that had ${paths.join(', ')} exclusively has ended: it may have been killed`,
        );
    });
  } finally {
    letGo();
    await child.catch(() => undefined);
  }
}
