import { type Decided, onlyRow, type Row } from './rows.ts';

/** What to do about a logical volume's mapping, after a start: for every combination of facts exactly one row holds. */
export type MappingFacts = {
  readonly metadata: 'none' | 'volume';
  /** `behind`: suspended, or smaller than the volume. `other`: larger, or not on the group's partition alone. */
  readonly kernel: 'same' | 'behind' | 'other';
};

export type MappingDecision =
  | 'nothing'
  /** Load it anew; also in use. */
  | 'refresh'
  /** Contradiction: touch nothing, put nothing new on the device, say so. */
  | 'refuse';

/**
 * A volume that the kernel does not show is as it should be until somebody opens it.
 *
 * @mapped Both say the same.
 * @behind Killed between metadata and kernel while growing, or in the middle of telling the kernel.
 * @astray The kernel shows something else under the volume's own UUID.
 * @stray  The kernel shows a volume of which the metadata do not tell. Hands other than ours.
 */
export const MAPPING_ROWS: readonly Row<MappingFacts, MappingDecision>[] = [
  { label: '@mapped', when: { metadata: ['volume'], kernel: ['same'] }, decision: 'nothing' },
  { label: '@behind', when: { metadata: ['volume'], kernel: ['behind'] }, decision: 'refresh' },
  { label: '@astray', when: { metadata: ['volume'], kernel: ['other'] }, decision: 'refuse' },
  { label: '@stray', when: { metadata: ['none'] }, decision: 'refuse' },
];

export function reconcileMapping(facts: MappingFacts): Decided<MappingDecision> {
  return onlyRow(MAPPING_ROWS, facts);
}
