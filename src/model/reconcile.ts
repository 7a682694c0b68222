import { type Decided, onlyRow, type Row } from './rows.ts';

/**
 * What to do about a volume, and about a partition, after a start or a change: two tables of labelled rows, and for
 * every combination of facts exactly one row holds (test/unit/model/reconcile.test.ts enumerates them all).
 */

export type VolumeFacts = {
  readonly record: 'none' | 'planned' | 'committed' | 'deleted';
  /** Whether the device that the record names is here; `here` when there is no record. */
  readonly device: 'here' | 'away';
  /** `elsewhere`: on another device than the record names. `quarantined`: the record's own generation. */
  readonly slice: 'none' | 'carved' | 'prepared' | 'quarantined' | 'elsewhere' | 'doubled';
};

export type VolumeDecision =
  | 'nothing'
  /** Serve it as it is. */
  | 'serve'
  /** The record becomes `committed`: the slice proves that somebody was answered. */
  | 'commit'
  /** Never answered: free the slice, then forget the record. */
  | 'undo'
  /** Forget the record. */
  | 'forget'
  /** DeleteVolume was answered while the disk was away: quarantine now. */
  | 'quarantine'
  /** Its device may come back: touch nothing. */
  | 'wait'
  /** Data loss, said aloud. */
  | 'lost'
  /** Contradiction: serve nothing, touch nothing, say so. */
  | 'refuse';

/** With the record's device away these can only be stale views; the device itself decides when it is back. */
const SEEN: readonly VolumeFacts['slice'][] = ['none', 'carved', 'prepared', 'quarantined'];

/**
 * @doubled      Two slices bear the handle. Arises only from hands other than ours.
 * @elsewhere    The slice stands on another device than the record says: a copied or restored disk.
 * @nothing      Neither record nor slice.
 * @recordless   The state directory was lost; the disk says enough to serve.
 * @cut-before   Killed between the planned record and the table: nothing was carved.
 * @cut-after    Killed between the table and the answer.
 * @answered     A staged slice with a planned record: an older state directory was put back.
 * @undone       Killed between the undo of a slice and of its record.
 * @planned-away The slice may be on the disk that is away.
 * @served       The usual life.
 * @lost         The device is here, with its mark, and the slice is not.
 * @away         The device is not here.
 * @deleted      Killed between the commit point of DeleteVolume and the end of the record.
 * @delete-due   Deleted while the disk was away, and the disk is back.
 * @delete-done  Deleted while the disk was away, and no slice is left.
 * @delete-wait  Deleted, and the disk is still away.
 */
export const VOLUME_ROWS: readonly Row<VolumeFacts, VolumeDecision>[] = [
  { label: '@doubled', when: { slice: ['doubled'] }, decision: 'refuse' },
  {
    label: '@elsewhere',
    when: { slice: ['elsewhere'], record: ['planned', 'committed', 'deleted'] },
    decision: 'refuse',
  },
  { label: '@nothing', when: { record: ['none'], slice: ['none', 'quarantined'] }, decision: 'nothing' },
  {
    label: '@recordless',
    when: { record: ['none'], slice: ['carved', 'prepared', 'elsewhere'] },
    decision: 'serve',
  },
  {
    label: '@cut-before',
    when: { record: ['planned'], device: ['here'], slice: ['none'] },
    decision: 'forget',
  },
  {
    label: '@cut-after',
    when: { record: ['planned'], device: ['here'], slice: ['carved'] },
    decision: 'undo',
  },
  {
    label: '@answered',
    when: { record: ['planned'], device: ['here'], slice: ['prepared'] },
    decision: 'commit',
  },
  {
    label: '@undone',
    when: { record: ['planned'], device: ['here'], slice: ['quarantined'] },
    decision: 'forget',
  },
  { label: '@planned-away', when: { record: ['planned'], device: ['away'], slice: SEEN }, decision: 'wait' },
  {
    label: '@served',
    when: { record: ['committed'], device: ['here'], slice: ['carved', 'prepared'] },
    decision: 'serve',
  },
  { label: '@lost', when: { record: ['committed'], device: ['here'], slice: ['none'] }, decision: 'lost' },
  {
    label: '@deleted',
    when: { record: ['committed'], device: ['here'], slice: ['quarantined'] },
    decision: 'forget',
  },
  { label: '@away', when: { record: ['committed'], device: ['away'], slice: SEEN }, decision: 'wait' },
  {
    label: '@delete-due',
    when: { record: ['deleted'], device: ['here'], slice: ['carved', 'prepared'] },
    decision: 'quarantine',
  },
  {
    label: '@delete-done',
    when: { record: ['deleted'], device: ['here'], slice: ['none', 'quarantined'] },
    decision: 'forget',
  },
  { label: '@delete-wait', when: { record: ['deleted'], device: ['away'], slice: SEEN }, decision: 'wait' },
];

export type KernelFacts = {
  readonly table: 'none' | 'entry';
  /** `smaller`: same start, and the table's entry is larger. `other`: another range. */
  readonly kernel: 'none' | 'same' | 'smaller' | 'other';
  /** Only what the kernel shows can be used. */
  readonly used: 'no' | 'yes';
};

export type KernelDecision = 'nothing' | 'add' | 'resize' | 'drop' | 'replace' | 'refuse';

/**
 * @gone       Neither table nor kernel knows it.
 * @boot       The kernel has not been told yet: a boot, a re-attached disk, or a kill between table and kernel.
 * @agree      Both say the same.
 * @grown      Killed between the table and the kernel while growing; a used partition grows too.
 * @moved      The kernel shows an older life of this number; nobody uses it.
 * @moved-used The kernel shows an older life and somebody uses it: nothing of it is touched or served.
 * @stale      Only the kernel knows it: killed between the table and the kernel while freeing.
 * @stale-used As before, and somebody uses it.
 */
export const KERNEL_ROWS: readonly Row<KernelFacts, KernelDecision>[] = [
  { label: '@gone', when: { table: ['none'], kernel: ['none'] }, decision: 'nothing' },
  { label: '@boot', when: { table: ['entry'], kernel: ['none'] }, decision: 'add' },
  { label: '@agree', when: { table: ['entry'], kernel: ['same'] }, decision: 'nothing' },
  { label: '@grown', when: { table: ['entry'], kernel: ['smaller'] }, decision: 'resize' },
  { label: '@moved', when: { table: ['entry'], kernel: ['other'], used: ['no'] }, decision: 'replace' },
  { label: '@moved-used', when: { table: ['entry'], kernel: ['other'], used: ['yes'] }, decision: 'refuse' },
  {
    label: '@stale',
    when: { table: ['none'], kernel: ['same', 'smaller', 'other'], used: ['no'] },
    decision: 'drop',
  },
  {
    label: '@stale-used',
    when: { table: ['none'], kernel: ['same', 'smaller', 'other'], used: ['yes'] },
    decision: 'refuse',
  },
];

export function reconcileVolume(facts: VolumeFacts): Decided<VolumeDecision> {
  return onlyRow(VOLUME_ROWS, facts);
}

export function reconcileKernel(facts: KernelFacts): Decided<KernelDecision> {
  return onlyRow(KERNEL_ROWS, facts);
}
