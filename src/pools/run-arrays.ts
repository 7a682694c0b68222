import { assertNever, DriverError } from '../model/errors.ts';
import type { MemberMark } from '../model/mark.ts';
import type { ArrayStep } from '../model/step.ts';
import type { Uuid } from '../model/uuid.ts';
import type { ArrayView } from './arrays.ts';
import type { PoolsContext } from './context.ts';
import type { Looked } from './look.ts';
import { addMember, assembleArray, dropMember, makeArray, markArray, stopArray } from './make-array.ts';
import { type Membership, newMembership, replacing, takeMembers } from './members.ts';

/** What the steps of planArrays() work on: what the look has found from which they were made. */
export type ArrayGround = { readonly disks: readonly Looked[]; readonly arrays: readonly ArrayView[] };

/** @returns the marks of the disks that the step took */
export async function runArrayStep(
  context: PoolsContext,
  step: ArrayStep,
  ground: ArrayGround,
): Promise<readonly MemberMark[]> {
  switch (step.kind) {
    case 'takeMembers': {
      const disks = step.disks.map((path) => diskAt(ground, path));
      return takeMembers(context, disks, membershipFor(context, step, ground));
    }
    case 'replaceMember': {
      const disk = diskAt(ground, step.disk);
      return takeMembers(context, [disk], replacing(viewOf(ground, step.array).note, step.instead, disk));
    }
    case 'makeArray':
      return none(makeArray(context, viewOf(ground, step.array)));
    case 'markArray':
      return none(markArray(context, viewOf(ground, step.array)));
    case 'assembleArray':
      return none(assembleArray(context, viewOf(ground, step.array)));
    case 'stopArray':
      return none(stopArray(context, viewOf(ground, step.array)));
    case 'addMember':
      return none(addMember(context, viewOf(ground, step.array), step.part));
    case 'dropMember':
      return none(dropMember(context, viewOf(ground, step.array), step.part));
    default:
      return assertNever(step, 'step of an array');
  }
}

async function none(work: Promise<void>): Promise<readonly MemberMark[]> {
  await work;
  return [];
}

/** Paths of the disks that are other than they were looked at when the step has run, or was cut short. */
export function touchedBy(step: ArrayStep, { arrays }: ArrayGround): readonly string[] {
  const view = arrays.find(({ uuid }) => uuid === step.array);
  const members = view?.members.map(({ looked }) => looked) ?? [];
  const known = [...members, view?.looked].flatMap((looked) =>
    looked === undefined ? [] : [looked.disk.path],
  );
  const named = 'disks' in step ? step.disks : [step.disk];
  return [...known, ...named];
}

function membershipFor(
  { configuration, self }: PoolsContext,
  { array, disks, pool: name }: Extract<ArrayStep, { readonly kind: 'takeMembers' }>,
  ground: ArrayGround,
): Membership {
  if (array !== undefined) return viewOf(ground, array).note;
  const pool = configuration.pools.find((one) => one.name === name);
  if (pool === undefined || pool.array === 'none')
    throw new DriverError('bug', `pool ${name} makes no arrays`);
  return newMembership(
    disks.map((path) => diskAt(ground, path)),
    pool,
    pool.array,
    self,
  );
}

function diskAt({ disks }: ArrayGround, path: string): Looked['disk'] {
  const looked = disks.find(({ disk }) => disk.path === path);
  if (looked === undefined) throw new DriverError('bug', `no disk ${path} in the look`);
  return looked.disk;
}

function viewOf({ arrays }: ArrayGround, array: Uuid): ArrayView {
  const view = arrays.find(({ uuid }) => uuid === array);
  if (view === undefined) throw new DriverError('bug', `no array ${array} in the look`);
  return view;
}
