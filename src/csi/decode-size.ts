import { DriverError } from '../model/errors.ts';
import type { SizeRange } from '../model/volume.ts';
import { refuse } from './decode-field.ts';
import type { CapacityRange__Output } from './gen/csi/v1/CapacityRange.ts';

/** capacity_range: 0 is "not given" on the wire. @throws DriverError `invalid-argument`, `out-of-range` */
export function decodeSize(field: string, raw: CapacityRange__Output | null): SizeRange {
  const requiredBytes = bytes(`${field}.required_bytes`, raw?.required_bytes ?? '0');
  const limitBytes = bytes(`${field}.limit_bytes`, raw?.limit_bytes ?? '0');
  if (requiredBytes !== undefined && limitBytes !== undefined && limitBytes < requiredBytes) {
    throw new DriverError(
      'out-of-range',
      `${field}: found limit_bytes ${limitBytes} below required_bytes ${requiredBytes}, want a limit no smaller than what is required`,
    );
  }
  return { requiredBytes, limitBytes };
}

function bytes(field: string, text: string): bigint | undefined {
  const value = BigInt(text);
  if (value < 0n) refuse(field, text, 'no negative size');
  return value === 0n ? undefined : value;
}
