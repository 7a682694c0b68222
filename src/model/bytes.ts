/** Sizes: always bytes, always bigint. Text forms are Kubernetes' (`10Gi`, `500M`, `1073741824`). */

export const KIB = 1024n;
export const MIB = 1024n * KIB;
export const GIB = 1024n * MIB;

const UNITS: Readonly<Record<string, bigint>> = {
  '': 1n,
  k: 1000n,
  K: 1000n,
  M: 1000n ** 2n,
  G: 1000n ** 3n,
  T: 1000n ** 4n,
  P: 1000n ** 5n,
  Ki: KIB,
  Mi: MIB,
  Gi: GIB,
  Ti: 1024n * GIB,
  Pi: 1024n ** 2n * GIB,
};

/**
 * A size in bytes from Kubernetes' notation, or undefined when the text is no size.
 * Whole numbers only: `1.5Gi` is refused, as half a byte helps nobody.
 */
export function parseSize(text: string): bigint | undefined {
  const match = /^([0-9]{1,19})([A-Za-z]{0,2})$/.exec(text);
  const unit = UNITS[match?.[2] ?? 'none'];
  if (match?.[1] === undefined || unit === undefined) return undefined;
  return BigInt(match[1]) * unit;
}

const SHOWN = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** For people: `1.5 GiB`, `300 MiB`, `512 B`. Never parsed back. */
export function formatBytes(bytes: bigint): string {
  let unit = 0;
  let value = Number(bytes);
  while (rounded(value) >= 1024 && unit < SHOWN.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${rounded(value)} ${SHOWN[unit]}`;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The smallest multiple of `step` that is not below `bytes`. */
export function alignUp(bytes: bigint, step: bigint): bigint {
  return ((bytes + step - 1n) / step) * step;
}

/** The largest multiple of `step` that is not above `bytes`. */
export function alignDown(bytes: bigint, step: bigint): bigint {
  return (bytes / step) * step;
}

export function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

export function minOf(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** A piece of a device. */
export type ByteRange = { readonly offsetBytes: bigint; readonly lengthBytes: bigint };
