import { isMirrored } from '../model/array.ts';
import type { RaidLevel } from '../model/pool.ts';
import { parseUuid, type Uuid } from '../model/uuid.ts';
import type { HostCommand } from './exec.ts';

/**
 * Linux md by mdadm, of which nothing is asked but what stands in the command: no configuration file, no name of the
 * host, no udevd: it would wait 5 s for one wherever a folder of udev's is. Tried with mdadm 4.2.
 */

const TIMEOUT_MS = 60_000;
const ENV = { MDADM_NO_UDEV: '1' };
/** What md keeps for itself at the start of each member; all that lies behind it is the array. */
const DATA_OFFSET = '1M';

/**
 * Makes an array over whatever is on its members. Mirrors are synchronised in the background, which their write-intent
 * bitmap shortens after a crash to what was being written.
 *
 * @param path a device of the form /dev/mdN that the kernel does not have yet
 */
export function createArrayCommand(what: {
  readonly path: string;
  readonly uuid: Uuid;
  readonly level: RaidLevel;
  readonly chunkBytes: bigint;
  readonly members: readonly string[];
}): HostCommand {
  const { path, uuid, level, chunkBytes, members } = what;
  const chunk = chunkBytes === 0n ? [] : [`--chunk=${chunkBytes / 1024n}K`];
  const layout = level === 'raid10' ? ['--layout=n2'] : [];
  const bitmap = isMirrored(level) ? ['--bitmap=internal', '--bitmap-chunk=64M'] : [];
  const args = [
    ...['--config=none', '--run', '--metadata=1.2', `--uuid=${uuid}`],
    // An array of `any` home is nobody's foreign one. With that, 31 letters, of which md keeps 32.
    ...['--homehost=any', `--name=instance-store-csi-${uuid.slice(0, 8)}`],
    ...[`--level=${level}`, `--raid-devices=${members.length}`, ...chunk, ...layout, ...bitmap],
    ...[`--data-offset=${DATA_OFFSET}`, ...members],
  ];
  // The path is free, and the next array's when this one never comes.
  return effect('--create', path, args, members.join(' '));
}

/** Starts an array of what is here of it, if that is enough; a member that missed writes is left out. */
export function assembleArrayCommand(path: string, uuid: Uuid, members: readonly string[]): HostCommand {
  const args = ['--config=none', '--run', `--uuid=${uuid}`, ...members];
  return effect('--assemble', path, args, members.join(' '));
}

/** Refused by the kernel while anybody has the array or a partition of it open. */
export function stopArrayCommand(path: string): HostCommand {
  return effect('--stop', path, []);
}

/** The next create or assemble finds nothing of an earlier one; also where there is nothing. */
export function zeroSuperblockCommand(member: string): HostCommand {
  return effect('--zero-superblock', member, []);
}

/** Rebuilds onto the member: all of it, or what it missed if it was a part of the array before. */
export function addMemberCommand(path: string, member: string): HostCommand {
  return effect('--manage', path, ['--add', member]);
}

/**
 * Takes what is no longer there, or has failed, out of the array, which runs on without it.
 * @param part by the kernel's name for it, which md keeps when the device node is gone or is already another disk's
 */
export function dropMemberCommand(path: string, part: string): HostCommand {
  return effect('--manage', path, ['--fail', part, '--remove', part]);
}

/** Opens the array, running or not, and reads nothing of it. */
export function detailCommand(path: string): HostCommand {
  return {
    command: 'mdadm',
    args: ['--detail', '--export', path],
    env: ENV,
    timeoutMs: TIMEOUT_MS,
    device: path,
  };
}

/** The array's UUID as its members' superblocks have it; undefined when none is told. */
export function parseDetail(stdout: Uint8Array): Uuid | undefined {
  const words = /^MD_UUID=([0-9a-f]{8}):([0-9a-f]{8}):([0-9a-f]{8}):([0-9a-f]{8})$/m.exec(
    Buffer.from(stdout).toString('utf8'),
  );
  const hex = words?.slice(1).join('') ?? '';
  return parseUuid(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));
}

/** What a part of an array knew of it when its superblock was written last. */
export type Superblock = {
  /** Places in the array that had a part that worked, its own among them. */
  readonly active: readonly number[];
  /** It was being rebuilt or was about to be, and does not have all of the bytes. */
  readonly isPartial: boolean;
};

/** Reads the superblock of a part, whether an array has it or not. */
export function examineCommand(member: string): HostCommand {
  return { command: 'mdadm', args: ['--examine', member], env: ENV, timeoutMs: TIMEOUT_MS, device: member };
}

/** Undefined when there is none. */
export function parseExamine(stdout: Uint8Array): Superblock | undefined {
  const text = Buffer.from(stdout).toString('utf8');
  const [, state] = /^ *Array State : ([A.R]+) /m.exec(text) ?? [];
  if (state === undefined) return undefined;
  const active = [...state].flatMap((letter, place) => (letter === '.' ? [] : [place]));
  return { active, isPartial: /^ *(Recovery Offset : |Device Role : spare)/m.test(text) };
}

/** @param waitsFor what does not answer when the command does not: the device itself if nothing else is said */
function effect(mode: string, path: string, args: readonly string[], waitsFor = path): HostCommand {
  return {
    command: 'mdadm',
    args: [mode, path, '--quiet', ...args],
    env: ENV,
    timeoutMs: TIMEOUT_MS,
    device: waitsFor,
    effect: true,
  };
}
