/**
 * The name of a system error (`ENOENT`), or undefined for anything else. Looks at the property alone: an error of Node's
 * own is no `instanceof Error` in another realm, such as a jest test.
 */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
