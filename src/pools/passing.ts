import type { Finding, Refusal } from '../model/judge.ts';
import type { Looked } from './look.ts';

/** What is on a disk that is refused so says nothing of the mark that it bore. */
const PASSING: ReadonlySet<Refusal> = new Set<Refusal>([
  'duplicate identity',
  'mounted',
  'swap',
  'holds another device',
  'busy',
  'probe failed',
  'newer mark',
  'damaged mark',
  "another node's mark",
]);

/** Why a disk is refused, where that says nothing of what it bore. */
export function passingOf({ verdict, isRead }: Pick<Looked, 'verdict' | 'isRead'>): Finding | undefined {
  const reasons = verdict.is === 'refused' ? [verdict.first, ...verdict.others] : [];
  return reasons.find(({ reason }) => !isRead || PASSING.has(reason));
}
