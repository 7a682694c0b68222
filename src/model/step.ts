import { arrayIdentity } from './array.ts';
import type { Note } from './note.ts';
import type { Pool, RaidLevel } from './pool.ts';
import type { Uuid } from './uuid.ts';

/** Every change that the driver makes on its own account, as data: `plan` prints the very steps that would run. */
type Steps = {
  /** Write note and first table; `resume` finishes a taking that was cut short. */
  readonly take: { readonly disk: string; readonly pool: Pool; readonly resume: Note | undefined };
  /** Zero what was found, then take. */
  readonly eraseAndTake: { readonly disk: string; readonly pool: Pool; readonly fingerprint: string };
  /** Zero what is left of our mark. */
  readonly release: { readonly disk: string };
  /** One copy of the table is torn or older: write both from the good one. */
  readonly rewriteTable: { readonly disk: string; readonly torn: 'primary' | 'backup' };
  readonly addPartition: { readonly disk: string; readonly number: number };
  readonly resizePartition: { readonly disk: string; readonly number: number };
  readonly dropPartition: { readonly disk: string; readonly number: number };
  /** Of a disk that was taken for LVM and has none yet. */
  readonly makeGroup: { readonly disk: string };
  /** The kernel's mapping is not as the metadata say: a kill came in between. */
  readonly refreshMapping: { readonly disk: string; readonly volume: string };
  /** Zero what was found on a disk that is to become a part of an array. */
  readonly eraseDisk: { readonly disk: string; readonly pool: Pool; readonly fingerprint: string };
  /** Write note and first table of disks that become an array together; `array` finishes a taking that was cut short. */
  readonly takeMembers: {
    readonly disks: readonly string[];
    readonly pool: string;
    readonly level: RaidLevel;
    readonly array: Uuid | undefined;
  };
  /** `instead`: identity of the member that is missing. */
  readonly replaceMember: { readonly array: Uuid; readonly disk: string; readonly instead: string };
  readonly makeArray: { readonly array: Uuid; readonly level: RaidLevel; readonly disks: readonly string[] };
  /** Put the mark on the array itself, and note on its members that it was made. */
  readonly markArray: { readonly array: Uuid; readonly disk: string };
  readonly assembleArray: {
    readonly array: Uuid;
    readonly disks: readonly string[];
    /** Identities of the members that are not here. */
    readonly without: readonly string[];
  };
  /** `mappings`: paths of what the kernel shows of logical volumes on it, which goes first. */
  readonly stopArray: { readonly array: Uuid; readonly disk: string; readonly mappings: readonly string[] };
  readonly addMember: { readonly array: Uuid; readonly disk: string; readonly part: string };
  /** `detached`: those whose disks are gone. */
  readonly dropMember: { readonly array: Uuid; readonly disk: string; readonly part: string };
  readonly undoSlice: { readonly handle: Uuid };
  readonly quarantineSlice: { readonly handle: Uuid };
  readonly commitRecord: { readonly handle: Uuid };
  readonly forgetRecord: { readonly handle: Uuid };
  readonly sanitize: { readonly disk: string; readonly place: string };
};

type StepKind = keyof Steps;
/** A step with the label of the rule that asked for it. */
export type Step = {
  readonly [K in StepKind]: { readonly kind: K; readonly because: string } & Steps[K];
}[StepKind];

/** A step of planArrays(). */
export type ArrayStep = Extract<Step, { readonly array: Uuid | undefined }>;

const WORDS: { readonly [K in StepKind]: (step: Steps[K]) => string } = {
  take: ({ disk, pool, resume }) =>
    resume === undefined
      ? `take ${disk} for pool ${pool.name}`
      : `finish taking ${disk} for pool ${pool.name}`,
  eraseAndTake: ({ disk, pool }) => `erase ${disk} and take it for pool ${pool.name}`,
  release: ({ disk }) => `take our mark off ${disk}`,
  rewriteTable: ({ disk, torn }) => `rewrite the ${torn} copy of the table of ${disk}`,
  addPartition: ({ disk, number }) => `tell the kernel of partition ${number} of ${disk}`,
  resizePartition: ({ disk, number }) => `tell the kernel the size of partition ${number} of ${disk}`,
  dropPartition: ({ disk, number }) => `make the kernel forget partition ${number} of ${disk}`,
  makeGroup: ({ disk }) => `make the volume group of ${disk}`,
  refreshMapping: ({ disk, volume }) => `tell the kernel where logical volume ${volume} of ${disk} lies`,
  eraseDisk: ({ disk, pool }) => `erase ${disk}, for an array of pool ${pool.name}`,
  takeMembers: ({ disks, pool, level, array }) =>
    array === undefined
      ? `take ${list(disks)} for pool ${pool}, to make a ${level} of them`
      : `finish taking ${list(disks)} for pool ${pool}, as parts of the ${level} ${arrayIdentity(array)}`,
  replaceMember: ({ array, disk, instead }) =>
    `take ${disk} into the array ${arrayIdentity(array)} in place of ${instead}`,
  makeArray: ({ array, level, disks }) => `make the ${level} ${arrayIdentity(array)} of ${list(disks)}`,
  markArray: ({ array, disk }) => `mark the array ${arrayIdentity(array)}, ${disk}, as made`,
  assembleArray: ({ array, disks, without }) =>
    `assemble the array ${arrayIdentity(array)} of ${list(disks)}` +
    (without.length === 0 ? '' : `, without ${list(without)}`),
  stopArray: ({ array, disk, mappings }) =>
    `stop ${list([...mappings, disk])}, what is left of the array ${arrayIdentity(array)}`,
  addMember: ({ disk, part }) => `rebuild the array ${disk} onto ${part}`,
  dropMember: ({ disk, part }) => `take ${part} out of the array ${disk}`,
  undoSlice: ({ handle }) => `free the slice of ${handle}, which no CreateVolume answered`,
  quarantineSlice: ({ handle }) => `quarantine the slice of ${handle}, deleted while its disk was away`,
  commitRecord: ({ handle }) => `keep the record of ${handle}: its slice is in use`,
  forgetRecord: ({ handle }) => `forget the record of ${handle}`,
  sanitize: ({ disk, place }) => `sanitize ${place} of ${disk}, then free it`,
};

function list(words: readonly string[]): string {
  return words.join(', ');
}

/** A step in words, for people. */
export function describeStep(step: Step): string {
  const words = WORDS[step.kind] as (step: Step) => string;
  return `${words(step)} (${step.because})`;
}
