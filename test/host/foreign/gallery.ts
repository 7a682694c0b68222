/**
 * The foreign disks: every way in which a disk can belong to somebody else that this project knows how to make.
 * The driver must refuse each with the right reason and leave every byte as it was.
 */

import { hasTool } from '../lab/tool.ts';
import { FILESYSTEMS } from './filesystems.ts';
import type { ForeignKind } from './kind.ts';
import { MEMBERS } from './members.ts';
import { OCCUPIED } from './occupied.ts';
import { TABLES } from './tables.ts';
import { WIPED } from './wiped.ts';

export type { ForeignKind } from './kind.ts';

export const FOREIGN: readonly ForeignKind[] = [...FILESYSTEMS, ...MEMBERS, ...TABLES, ...WIPED, ...OCCUPIED];

/** The program that this machine lacks to make a kind: a reason to report the kind as NOT RUN. */
export async function missingTool(kind: ForeignKind): Promise<string | undefined> {
  return kind.needs === undefined || (await hasTool(kind.needs)) ? undefined : kind.needs;
}
