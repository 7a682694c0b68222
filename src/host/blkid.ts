import { ABSENT, type Answer, present, unknown } from '../model/answer.ts';
import type { Signature } from '../model/disk.ts';
import { messageOf } from '../model/errors.ts';
import { readCommand } from './dd.ts';
import type { Exec, HostCommand, HostResult } from './exec.ts';

/** Low-level probing only: blkid's cache and udev's opinion are not asked. */

const TIMEOUT_MS = 20_000;
const NOTHING_FOUND = 2;
const SEVERAL_FOUND = 8;

/**
 * What lies on a whole disk or a partition. Names neither the place nor, where there are several, the kinds:
 * wipefs.ts does; blkid also knows a few kinds that wipefs has no bytes to erase for.
 */
export function signaturesCommand(path: string): HostCommand {
  return probe(path);
}

export function parseSignatures(result: HostResult): readonly Signature[] {
  if (result.code === NOTHING_FOUND) return [];
  if (result.code === SEVERAL_FOUND) return [{ usage: 'other', type: 'several signatures', at: 'unknown' }];
  const found = parseExport(result.stdout);
  const table = found.get('PTTYPE');
  const type = found.get('TYPE');
  return [
    ...(table === undefined ? [] : [{ usage: 'table', type: table, at: 'unknown' } as const]),
    ...(type === undefined ? [] : [{ usage: 'other', type, at: 'unknown' } as const]),
  ];
}

/** Which filesystem a partition or logical volume bears. Use readFilesystem(): blkid's silence alone proves nothing. */
function filesystemCommand(path: string): HostCommand {
  return probe(path);
}

export type Filesystem = { readonly type: string; readonly uuid: string };

/** Unknown when something is there that is not exactly one filesystem with a UUID (law 2). */
export function parseFilesystem(result: HostResult): Answer<Filesystem> {
  if (result.code === SEVERAL_FOUND) return unknown('several signatures are there (wipefs shows them)');
  const found = parseExport(result.stdout);
  const [type, uuid, usage] = [found.get('TYPE'), found.get('UUID'), found.get('USAGE')];
  const table = found.get('PTTYPE');
  if (type === undefined && table === undefined) return ABSENT;
  if (table !== undefined) return unknown(`a ${table} partition table is there`);
  if (usage !== 'filesystem' || type === undefined) return unknown(`found ${type}, which is no filesystem`);
  return uuid === undefined ? unknown(`the ${type} filesystem has no UUID`) : present({ type, uuid });
}

/** The superblocks of all our filesystems lie in here. */
const SUPERBLOCKS_BYTES = 128 * 1024;

/**
 * Which filesystem `path` bears. blkid exits 2 also when it could not open or read the device, without a word; so
 * `absent` is said only after the bytes were read.
 */
export async function readFilesystem(exec: Exec, path: string): Promise<Answer<Filesystem>> {
  try {
    const answer = parseFilesystem(await exec(filesystemCommand(path)));
    if (answer.is === 'absent') await exec(readCommand(path, 0n, SUPERBLOCKS_BYTES));
    return answer;
  } catch (error) {
    return unknown(messageOf(error));
  }
}

function probe(path: string): HostCommand {
  return {
    command: 'blkid',
    args: ['--probe', '--no-part-details', '--output', 'export', path],
    timeoutMs: TIMEOUT_MS,
    okCodes: [0, NOTHING_FOUND, SEVERAL_FOUND],
    device: path,
  };
}

/** Lines of KEY=value. */
function parseExport(stdout: Uint8Array): ReadonlyMap<string, string> {
  const lines = Buffer.from(stdout).toString('utf8').split('\n');
  return new Map(
    lines
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
