import { describe, expect, it } from '@jest/globals';
import { kubectl } from '../lab/kubectl.ts';
import { until } from '../lab/wait.ts';
import { claim, pod } from '../play/objects.ts';
import { scenario } from '../play/scenario.ts';

const TOLD_TIMEOUT_MS = 30_000;
const EXPANDED_TIMEOUT_MS = 90_000;
const DISKS = ['node-1', 'node-2'];

describe('what happens is told', () => {
  it.each(DISKS)('on %s: its disks were taken', async (node) => {
    const told = await kubectl('describe', 'node', node);
    expect(told.match(/DiskTaken .*\/dev\/loop\d+/g)).toHaveLength(2);
  });

  scenario(
    'on a claim, its volume and its node: from its making to the sanitizing of its space',
    async (place) => {
      await place.run(pod('app', { claims: ['data'] }), claim('data', { size: '500Mi' }));
      await told(['Provisioned', 'Prepared'], async () => place.kubectl('describe', 'pvc', 'data'));
      await place.apply(claim('data', { size: '777Mi' }));
      await until('it is told that it grew', EXPANDED_TIMEOUT_MS, async () =>
        (await place.kubectl('describe', 'pvc', 'data')).includes('Expanded'),
      );
      const node = await place.nodeOf('app');
      const { metadata } = await place.volumeOf('data');
      await place.kubectl('delete', 'pod/app', 'pvc/data');
      const about = async (name: string): Promise<string> =>
        kubectl('get', 'events', '--all-namespaces', `--field-selector=involvedObject.name=${name}`);
      await told(['Quarantined'], async () => about(metadata.name));
      // Of whose volume the space was is nobody's business any more; no other is of this size.
      await until('the sanitizing is told', TOLD_TIMEOUT_MS, async () =>
        /Sanitized .*777/.test(await about(node)),
      );
    },
  );
});

async function told(reasons: readonly string[], ask: () => Promise<string>): Promise<void> {
  await until(`${reasons.join(' and ')} is told`, TOLD_TIMEOUT_MS, async () => {
    const answer = await ask();
    return reasons.every((reason) => answer.includes(reason));
  });
}
