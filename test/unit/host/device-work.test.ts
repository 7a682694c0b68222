import { describe, expect, it } from '@jest/globals';
import { discardCommand, zeroCommand } from '../../../src/host/blkdiscard.ts';
import { readCommand, shredCommand } from '../../../src/host/dd.ts';
import { workOf } from '../../../src/host/device-work.ts';
import type { HostCommand } from '../../../src/host/exec.ts';

const PATH = '/dev/loop7p2';
const GIB = 1024n ** 3n;
const RANGE = { offsetBytes: 3n * GIB, lengthBytes: GIB };

const argv = ({ command, args }: HostCommand) => [command, ...args];

describe('workOf()', () => {
  it.each([
    ['discarding', discardCommand(PATH, RANGE), 3n * GIB],
    ['discarding', discardCommand(PATH), 0n],
    ['zeroing', zeroCommand(PATH, RANGE), 3n * GIB],
    ['writing', shredCommand(PATH, 3n * GIB, GIB), 3n * GIB],
  ])('tells that a command is %s: %#', (does, command, atBytes) => {
    expect(workOf(argv(command))).toEqual({ path: PATH, does, atBytes });
  });

  it.each([
    ['a command that reads', argv(readCommand(PATH, 0n, 4096))],
    ['another program', ['mkfs.ext4', PATH]],
    ['one that is not started yet', ['setpriv', '--pdeathsig', 'KILL', '--', ...argv(discardCommand(PATH))]],
    ['a kernel thread', []],
    ['a blkdiscard of nothing', ['blkdiscard']],
  ])('tells nothing of %s', (_, line) => {
    expect(workOf(line)).toBeUndefined();
  });
});
