import { DriverError } from '../model/errors.ts';

/** "Size Limits" of the CSI specification. */
const STRING_BYTES_MAX = 128;
export const MAP_BYTES_MAX = 4096;

export type StringMap = { readonly [key: string]: string };

/** Says no to a field of a request, in the words of every such refusal. */
export function refuse(field: string, found: string, want: string): never {
  throw new DriverError('invalid-argument', `${field}: found ${found}, want ${want}`);
}

/** What was found, safe to show: quoted, escaped, cut. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}

/** A string that must be there; its content is checked elsewhere, after every missing field was named. */
export function demandText(field: string, value: string, want: string): string {
  return value === '' ? refuse(field, 'nothing', want) : value;
}

/** A string within CSI's limit and without control characters. */
export function checkText(field: string, value: string): string {
  const bytes = Buffer.byteLength(value);
  if (bytes > STRING_BYTES_MAX) refuse(field, `${bytes} bytes`, `at most ${STRING_BYTES_MAX}`);
  if (/\p{Cc}/u.test(value)) refuse(field, quote(value), 'no control characters and no line breaks');
  if (!value.isWellFormed()) refuse(field, 'half a surrogate pair', 'well-formed Unicode');
  return value;
}

/** A map within CSI's limit. */
export function checkMap(field: string, map: StringMap): StringMap {
  const bytes = bytesOf(Object.entries(map).flat());
  if (bytes > MAP_BYTES_MAX)
    refuse(field, `${bytes} bytes`, `at most ${MAP_BYTES_MAX} bytes of keys and values`);
  return map;
}

export function bytesOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
