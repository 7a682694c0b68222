import type { Answer } from './answer.ts';

/**
 * Orphans: volumes that no PersistentVolume speaks of. One is left behind when the provisioner ends between
 * CreateVolume and writing the PersistentVolume, or when somebody takes that away by force.
 */

export type OrphanPolicy = 'report' | 'delete';

/** A volume so young may be about to get its PersistentVolume. */
export const ORPHAN_AGE_MS = 10 * 60_000;
/** How long it must have been missing, at two live answers, the first and the last of that time. */
export const ORPHAN_GRACE_MS = 3_600_000;
const UNKNOWN_RETRY_MS = 10 * 60_000;
/** What is settled is asked for again four times a day: a thousand nodes of twenty volumes ask once a second. */
const SETTLED_MS = 6 * 3_600_000;

/** What the cluster has said of one volume so far, and when to ask again. */
export type Inquiry = { readonly askAtMs: number } & (
  | { readonly is: 'open' }
  | { readonly is: 'kept' }
  | { readonly is: 'missing'; readonly sinceMs: number }
  | { readonly is: 'orphan'; readonly sinceMs: number }
);

/** Pure. Not knowing takes nothing back and adds nothing (law 2). */
export function inquired(before: Inquiry | undefined, answer: Answer<unknown>, nowMs: number): Inquiry {
  switch (answer.is) {
    case 'present':
      return { is: 'kept', askAtMs: nowMs + SETTLED_MS };
    case 'unknown':
      return { ...(before ?? { is: 'open' }), askAtMs: nowMs + UNKNOWN_RETRY_MS };
    case 'absent': {
      const sinceMs = before !== undefined && 'sinceMs' in before ? before.sinceMs : nowMs;
      return nowMs - sinceMs < ORPHAN_GRACE_MS
        ? { is: 'missing', sinceMs, askAtMs: sinceMs + ORPHAN_GRACE_MS }
        : { is: 'orphan', sinceMs, askAtMs: nowMs + SETTLED_MS };
    }
  }
}
