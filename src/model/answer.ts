/** Law 2: present, absent, unknown. "Not seen" is not "not there". */
export type Answer<T> =
  | { readonly is: 'present'; readonly value: T }
  | { readonly is: 'absent' }
  | { readonly is: 'unknown'; readonly why: string };

export const ABSENT = { is: 'absent' } as const;

export function present<T>(value: T): Answer<T> {
  return { is: 'present', value };
}

export function unknown(why: string): Answer<never> {
  return { is: 'unknown', why };
}
