import type { Sync } from '../host/md.ts';
import type { ArrayStanding } from '../model/array.ts';
import type { ArrayView } from './arrays.ts';
import { isMissing } from './plan-arrays.ts';

/** How an array stands. Pure; `what` is words for a person. */
export type ArrayHealth = {
  readonly is: ArrayStanding;
  readonly what: string;
  /** Identities of the members that give it nothing. */
  readonly missing: readonly string[];
  readonly sync: Sync | undefined;
};

export function healthOf(array: ArrayView): ArrayHealth {
  const { members, seen, isApart, decided } = array;
  const missing = members.filter((member) => isMissing(array, member)).map(({ identity }) => identity);
  const sync = seen?.md.sync;
  const count = `${missing.length} of ${members.length} members missing: ${missing.join(', ')}`;
  const unread = members.filter(({ state }) => state === 'unread').map(({ identity }) => identity);
  switch (decided.decision) {
    case 'serve':
      if (missing.length === 0 && seen?.md.degraded === 0)
        return { is: 'whole', what: 'whole', missing, sync };
      return {
        is: 'degraded',
        what: isApart ? RAN_APART : missing.length > 0 ? count : 'a member is being rebuilt',
        missing,
        sync,
      };
    case 'lost':
      return { is: 'lost', what: count, missing, sync };
    case 'wait':
      return { is: 'waiting', what: unread.length === 0 ? count : inWords(unread), missing, sync };
    default:
      return { is: 'waiting', what: REASONS[decided.label] ?? 'about to be served', missing, sync };
  }
}

function inWords(unread: readonly string[]): string {
  return `what ${unread.join(', ')} bears cannot be told now`;
}

const RAN_APART = 'its members have each run without the other, and differ';

const REASONS: Readonly<Record<string, string>> = {
  '@array-apart': RAN_APART,
  '@array-strange': 'the kernel has its members in another array, or one that was replaced',
  '@array-refused': 'it runs, and is neither blank nor marked',
  '@array-emptied': 'it was made, and its mark is gone',
  '@array-odd': 'the kernel has it, and a member was not taken',
  '@array-stuck': 'it is broken, and still in use',
  '@array-half-stuck': 'its making was cut short, and it is in use',
};
