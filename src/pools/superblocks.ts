import type { Exec } from '../host/exec.ts';
import { examineCommand, parseExamine, type Superblock } from '../host/mdadm.ts';
import { isMirrored } from '../model/array.ts';
import { DriverError } from '../model/errors.ts';
import { isMade, MEMBER_NUMBER } from '../model/mark.ts';
import type { Uuid } from '../model/uuid.ts';
import type { Looked } from './look.ts';

/** By the identities of the members. */
export type Superblocks = ReadonlyMap<string | undefined, Superblock | 'unread'>;

/**
 * What members of mirrors know of their arrays. Asked only where a part is in no array, after a boot for the most part:
 * it may have run without the others, or not be rebuilt to its end.
 */
export async function readSuperblocks(exec: Exec, disks: readonly Looked[]): Promise<Superblocks> {
  const parts = disks.flatMap(partOf);
  const apart = new Set(parts.filter(({ isIdle }) => isIdle).map(({ array }) => array));
  const asked = parts.filter(({ array }) => apart.has(array));
  const read = await Promise.all(
    asked.map(async ({ identity, path }) => [identity, await readSuperblock(exec, path)] as const),
  );
  return new Map(read.flatMap(([identity, block]) => (block === undefined ? [] : [[identity, block]])));
}

type Part = {
  readonly array: Uuid;
  readonly identity: string | undefined;
  readonly path: string;
  readonly isIdle: boolean;
};

function partOf({ disk, verdict }: Looked): readonly Part[] {
  if (verdict.is !== 'member') return [];
  const { note, table } = verdict.mark;
  const part = disk.partitions.find(({ number }) => number === MEMBER_NUMBER);
  if (part === undefined || !isMirrored(note.array) || !isMade(table)) return [];
  const isIdle = part.holders.length === 0;
  return [{ array: note.arrayUuid, identity: disk.identity, path: part.path, isIdle }];
}

/** Undefined when there is none. */
async function readSuperblock(exec: Exec, path: string): Promise<Superblock | 'unread' | undefined> {
  try {
    return parseExamine((await exec(examineCommand(path))).stdout);
  } catch (error) {
    if (error instanceof DriverError) return 'unread';
    throw error;
  }
}
