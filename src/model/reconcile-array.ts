import { type Decided, onlyRow, type Row } from './rows.ts';

/** What to do about an array, after a start or a change: for every combination of facts exactly one row holds. */
export type ArrayFacts = {
  /** Whether a member says that it was made. */
  readonly made: 'no' | 'yes';
  /**
   * `dead`: the kernel has it and reads nothing of it, as parts are missing; `stuck`: besides, somebody uses it.
   * `strange`: the kernel has its members in another array, or in two. Of one that runs: `blank`, with our mark
   * (`ours`), or `refused` whatever for.
   */
  readonly device: 'none' | 'dead' | 'stuck' | 'strange' | 'blank' | 'ours' | 'refused';
  /**
   * `enough`: it gives all of its bytes without those that are not here, and they were waited for. `late`: they are
   * still waited for. `apart`: some of them have run without each other, and nobody knows which ones are right.
   */
  readonly members: 'all' | 'enough' | 'late' | 'few' | 'apart';
  /** Whether the taking of a member that is here has not come to its end. */
  readonly joining: 'no' | 'yes';
};

export type ArrayDecision =
  /** Finish the taking of its members. */
  | 'take'
  | 'make'
  /** Put its mark on it, and note on its members that it was made. */
  | 'mark'
  | 'serve'
  | 'assemble'
  /** Stop what is dead; what comes next, the look behind that tells. */
  | 'stop'
  /** Touch nothing: more may come. */
  | 'wait'
  /** Its volumes are lost unless a member comes back. */
  | 'lost'
  /** Contradiction: serve nothing, touch nothing, say so. */
  | 'refuse';

/**
 * @array-strange  The kernel has put its members together otherwise than their notes say.
 * @array-refused  It runs, and is neither blank nor whole.
 * @array-emptied  It was made, and its mark is gone.
 * @array-cut      Killed while its members were taken.
 * @array-due      Its members are taken, and it was not made.
 * @array-half     Killed while it was made, and the host has assembled what there was.
 * @array-odd      The kernel has it while a member has not been taken.
 * @array-unmarked Killed between its making and the notes of that on its members.
 * @array-short    A member went before it was made. Nothing stands on it.
 * @array-served   The usual life.
 * @array-down     After a boot; with members away that it can do without, after these were waited for.
 * @array-late     After a boot, and a member may still come.
 * @array-dead     It lost members while it ran, or the host assembled it in part; now there are enough.
 * @array-stuck    As before, and somebody still has what is dead mounted or open.
 * @array-half-stuck As @array-half, and somebody has it open.
 * @array-apart    Members of a mirror have each run alone. One that runs is served: the other half is left out of it.
 * @array-lost     Members are away that it cannot do without.
 */
export const ARRAY_ROWS: readonly Row<ArrayFacts, ArrayDecision>[] = [
  { label: '@array-strange', when: { device: ['strange'] }, decision: 'refuse' },
  { label: '@array-refused', when: { device: ['refused'] }, decision: 'refuse' },
  { label: '@array-emptied', when: { made: ['yes'], device: ['blank'] }, decision: 'refuse' },
  {
    label: '@array-cut',
    when: { made: ['no'], device: ['none'], members: ['all'], joining: ['yes'] },
    decision: 'take',
  },
  {
    label: '@array-due',
    when: { made: ['no'], device: ['none'], members: ['all'], joining: ['no'] },
    decision: 'make',
  },
  {
    label: '@array-half',
    when: { made: ['no'], device: ['dead'], members: ['all'], joining: ['no'] },
    decision: 'stop',
  },
  {
    label: '@array-odd',
    when: { made: ['no'], device: ['dead', 'blank', 'ours'], members: ['all'], joining: ['yes'] },
    decision: 'refuse',
  },
  {
    label: '@array-unmarked',
    when: { made: ['no'], device: ['blank', 'ours'], members: ['all'], joining: ['no'] },
    decision: 'mark',
  },
  {
    label: '@array-short',
    when: {
      made: ['no'],
      device: ['none', 'dead', 'stuck', 'blank', 'ours'],
      members: ['enough', 'late', 'few', 'apart'],
    },
    decision: 'wait',
  },
  { label: '@array-served', when: { made: ['yes'], device: ['ours'] }, decision: 'serve' },
  {
    label: '@array-down',
    when: { made: ['yes'], device: ['none'], members: ['all', 'enough'] },
    decision: 'assemble',
  },
  {
    label: '@array-late',
    when: { made: ['yes'], device: ['none', 'dead', 'stuck'], members: ['late'] },
    decision: 'wait',
  },
  {
    label: '@array-dead',
    when: { made: ['yes'], device: ['dead'], members: ['all', 'enough'] },
    decision: 'stop',
  },
  {
    label: '@array-stuck',
    when: { made: ['yes'], device: ['stuck'], members: ['all', 'enough'] },
    decision: 'refuse',
  },
  {
    label: '@array-half-stuck',
    when: { made: ['no'], device: ['stuck'], members: ['all'] },
    decision: 'refuse',
  },
  {
    label: '@array-apart',
    when: { made: ['yes'], device: ['none', 'dead', 'stuck'], members: ['apart'] },
    decision: 'refuse',
  },
  {
    label: '@array-lost',
    when: { made: ['yes'], device: ['none', 'dead', 'stuck'], members: ['few'] },
    decision: 'lost',
  },
];

export function reconcileArray(facts: ArrayFacts): Decided<ArrayDecision> {
  return onlyRow(ARRAY_ROWS, facts);
}
