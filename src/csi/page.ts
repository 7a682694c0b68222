import { DriverError } from '../model/errors.ts';
import { parseUuid } from '../model/uuid.ts';

const TOKEN_PREFIX = 'after-';

/** The handle after which the next page begins; undefined for the first page. @throws DriverError `bad-token` */
export function parsePageToken(token: string): string | undefined {
  if (token === '') return undefined;
  const handle = token.startsWith(TOKEN_PREFIX) ? parseUuid(token.slice(TOKEN_PREFIX.length)) : undefined;
  if (handle !== undefined) return handle;
  throw new DriverError(
    'bad-token',
    `starting_token: found ${JSON.stringify(token.slice(0, 64))}, want next_token of an earlier answer: begin again without one`,
  );
}

/**
 * One page of volumes that are ordered by handle. The token names the last one shown, so that volumes which come
 * or go between two pages move no other one.
 */
export function pageOf<T extends { readonly handle: string }>(
  all: readonly T[],
  after: string | undefined,
  max: number,
): { readonly entries: readonly T[]; readonly nextToken: string } {
  const rest = after === undefined ? all : all.filter(({ handle }) => handle > after);
  const entries = max === 0 ? rest : rest.slice(0, max);
  const last = entries.at(-1);
  return {
    entries,
    nextToken: last === undefined || entries.length === rest.length ? '' : TOKEN_PREFIX + last.handle,
  };
}
