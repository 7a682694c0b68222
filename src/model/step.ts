import type { Note } from './note.ts';
import type { Pool } from './pool.ts';
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
  undoSlice: ({ handle }) => `free the slice of ${handle}, which no CreateVolume answered`,
  quarantineSlice: ({ handle }) => `quarantine the slice of ${handle}, deleted while its disk was away`,
  commitRecord: ({ handle }) => `keep the record of ${handle}: its slice is in use`,
  forgetRecord: ({ handle }) => `forget the record of ${handle}`,
  sanitize: ({ disk, place }) => `sanitize ${place} of ${disk}, then free it`,
};

/** A step in words, for people. */
export function describeStep(step: Step): string {
  const words = WORDS[step.kind] as (step: Step) => string;
  return `${words(step)} (${step.because})`;
}
