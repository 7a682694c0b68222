import { arrayIdentity } from '../model/array.ts';
import { formatBytes } from '../model/bytes.ts';
import { healthOf } from '../pools/array-health.ts';
import type { ArrayView, Member } from '../pools/arrays.ts';
import type { Situation } from './situation.ts';
import { type Row, section } from './view.ts';

type ShownArray = ReturnType<typeof arrayRow>;

/** The arrays of which members are here: what they are made of, and how they stand. */
export function arrayRows({ arrays }: Situation) {
  return arrays.arrays.map(arrayRow);
}

function arrayRow(array: ArrayView) {
  const { is, what, sync } = healthOf(array);
  const { uuid, note, seen, members, decided } = array;
  return {
    array: arrayIdentity(uuid),
    level: note.array,
    pool: note.pool,
    disk: seen === undefined ? undefined : `/dev/${seen.md.name}`,
    stands: is,
    what,
    decided,
    sync,
    members: members.map(({ identity, looked, state }) => ({ identity, disk: looked?.disk.path, state })),
  };
}

/** Nothing where there are no arrays. */
export function arrayLines(rows: readonly ShownArray[]): readonly string[] {
  return rows.length === 0 ? [] : section('Arrays', rows.map(arrayLine), '');
}

function arrayLine({ array, level, pool, disk, stands, what, sync, members }: ShownArray): Row {
  const standing = stands === 'whole' ? stands : `${STANDINGS[stands]}: ${what}`;
  const done =
    sync === undefined
      ? []
      : [`synchronised: ${formatBytes(sync.doneBytes)} of ${formatBytes(sync.ofBytes)}`];
  return {
    cells: [array, level, `pool ${pool}`, disk ?? 'not assembled', standing],
    below: [...members.map(memberLine), ...done],
  };
}

const STANDINGS = { degraded: 'degraded', lost: 'DATA LOSS', waiting: 'not served' } as const;

function memberLine({
  identity,
  disk,
  state,
}: Pick<Member, 'identity' | 'state'> & { readonly disk: string | undefined }): string {
  return `${identity}: ${disk ?? 'not here'}${MEMBER_WORDS[state]}`;
}

const MEMBER_WORDS: { readonly [S in Member['state']]: string } = {
  in: '',
  new: ', to be rebuilt',
  joining: ', to be taken',
  blank: ', blank',
  unread: ', cannot be told now',
  away: '',
};
