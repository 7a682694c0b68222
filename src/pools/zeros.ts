import { readCommand } from '../host/dd.ts';
import type { Exec } from '../host/exec.ts';
import type { ByteRange } from '../model/bytes.ts';
import { DriverError } from '../model/errors.ts';
import { isZero } from '../model/mark.ts';

const ENDS_BYTES = 4096;

/** Both ends of what was zeroed, read from the medium. */
export async function expectZeroEnds(
  exec: Exec,
  path: string,
  { offsetBytes, lengthBytes }: ByteRange,
): Promise<void> {
  for (const at of [offsetBytes, offsetBytes + lengthBytes - BigInt(ENDS_BYTES)]) {
    const { stdout } = await exec(readCommand(path, at, ENDS_BYTES));
    if (stdout.length !== ENDS_BYTES || !isZero(stdout)) {
      throw new DriverError(
        'host-failed',
        `${path} does not read as zeros at byte ${at} after it was zeroed`,
      );
    }
  }
}
