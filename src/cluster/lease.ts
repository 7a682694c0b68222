import type { V1Lease } from '@kubernetes/client-node';
import type { Answer } from '../model/answer.ts';

/** Who leads, decided from what a Lease says and how long it has said so. Pure. */

/** A version of the lease, and since when this process has seen it, by its own clock. */
export type Sighting = { readonly version: string; readonly sinceMs: number };

export type LeaseDecision = 'create' | 'take' | 'renew' | 'wait';

/** A lease is good for so long after its last renewal; renewed thrice in that time. */
export const LEASE_MS = 30_000;
export const RENEW_EVERY_MS = 10_000;
/** A leader that could not renew for so long stops, well before anybody else may take over. */
export const RENEW_WITHIN_MS = 20_000;

/** Only our own clock is asked: the holder's, in renewTime, may be wrong. */
export function sighting(
  lease: Answer<V1Lease>,
  before: Sighting | undefined,
  nowMs: number,
): Sighting | undefined {
  if (lease.is !== 'present') return undefined;
  const version = lease.value.metadata?.resourceVersion ?? '';
  return before?.version === version ? before : { version, sinceMs: nowMs };
}

/** @param seen since when this version of the lease is known; undefined without a lease */
export function decideLease(
  lease: Answer<V1Lease>,
  me: string,
  seen: Sighting | undefined,
  nowMs: number,
): LeaseDecision {
  if (lease.is !== 'present' || seen === undefined) return lease.is === 'absent' ? 'create' : 'wait';
  const { holderIdentity: holder, leaseDurationSeconds } = lease.value.spec ?? {};
  if (holder === me) return 'renew';
  if (holder === undefined || holder === '') return 'take';
  const goodForMs = leaseDurationSeconds === undefined ? LEASE_MS : leaseDurationSeconds * 1_000;
  return nowMs - seen.sinceMs > goodForMs ? 'take' : 'wait';
}
