import { describe, expect, it } from '@jest/globals';
import type { HostCommand } from '../../../src/host/exec.ts';
import { viewArrays } from '../../../src/pools/arrays.ts';
import type { PoolsContext } from '../../../src/pools/context.ts';
import { dropMember, stopArray } from '../../../src/pools/make-array.ts';
import { lookAt, MAPPING, member, UUID } from './arrays.ts';

const ON = { made: true, on: 'md127' } as const;
const TOLD = `MD_UUID=${UUID.replaceAll('-', '').replace(/(.{8})(?=.)/g, '$1:')}\n`;
const ANOTHER = TOLD.replace(/.$/m, (digit) => (digit === '0' ? '1' : '0'));

/** What would be run: the kernel under these tests need not have md. @param told what mdadm answers */
function ran(told: string): { readonly context: PoolsContext; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const exec = async ({ command, args }: HostCommand) => {
    lines.push([command, ...args].join(' '));
    return { stdout: Buffer.from(told) };
  };
  return { context: { exec } as unknown as PoolsContext, lines };
}

const broken = lookAt([member('a', 'ab', ON)], { gone: ['bp2'], mappings: [MAPPING] });

describe.each(viewArrays(broken, () => true))('what is done to an array', (view) => {
  it('stops it after what the kernel shows of logical volumes on it', async () => {
    const { context, lines } = ran(TOLD);
    await stopArray(context, view);
    expect(lines).toEqual([
      'mdadm --detail --export /dev/md127',
      'dmsetup remove --uuid LVM-1',
      'mdadm --stop /dev/md127 --quiet',
    ]);
  });

  it.each([
    ['stopped', stopArray],
    ['robbed of a member', (context: PoolsContext) => dropMember(context, view, 'bp2')],
  ])('is not %s when the kernel calls another one so by now', async (_what, act) => {
    const { context, lines } = ran(ANOTHER);
    await expect(act(context, view)).rejects.toThrow('/dev/md127 does not say any more that it is');
    expect(lines).toEqual(['mdadm --detail --export /dev/md127']);
  });
});
