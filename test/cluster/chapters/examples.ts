import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { apply, kubectl } from '../lab/kubectl.ts';
import { ROOT } from '../lab/place.ts';
import type { Namespace } from '../play/namespace.ts';
import { scenario } from '../play/scenario.ts';

const EXAMPLES = join(ROOT, 'deploy/examples');
/** Their shells hear no SIGTERM. */
const GRACE = '--grace-period=1';
const OVERLAYS = join(ROOT, 'deploy/kubernetes/overlays');

describe('the API server accepts the overlay', () => {
  it.each(['default', 'eks', 'bare-metal', 'dev'])('%s', async (name) => {
    await kubectl('apply', '--dry-run=server', '--kustomize', join(OVERLAYS, name));
  });
});

describe('the example', () => {
  for (const name of ['pod', 'raw-block', 'generic-ephemeral', 'shared']) {
    scenario(`${name}.yaml runs`, async (place) => {
      await applyExample(place, name);
      await allRun(place);
    });
  }

  scenario('statefulset.yaml runs, and each replica finds its own volume again', async (place) => {
    await applyExample(place, 'statefulset');
    await place.kubectl('rollout', 'status', 'statefulset/database', '--timeout=55s');
    await place.kubectl('delete', 'pod', 'database-0', 'database-1', 'database-2', GRACE);
    await place.kubectl('rollout', 'status', 'statefulset/database', '--timeout=55s');
    for (const replica of ['database-0', 'database-1', 'database-2']) {
      expect(await place.shell(replica, 'sort -u /data/members')).toBe(replica);
    }
  });

  scenario('pre-provisioned.yaml finds the volume that retain.yaml left', async (place) => {
    await applyExample(place, 'retain');
    await allRun(place);
    const { metadata, spec } = await place.volumeOf('kept');
    const [hostname = ''] = JSON.stringify(spec.nodeAffinity).match(/(?<="values":\[")[^"]+/) ?? [];
    await place.kubectl('delete', 'pod/kept', 'pvc/kept', GRACE);
    await kubectl('delete', 'pv', metadata.name);

    const filled = (await textOf('pre-provisioned'))
      .replace('00000000-0000-8000-8000-000000000000', spec.csi.volumeHandle)
      .replace('NODE', hostname)
      .replaceAll('namespace: default', `namespace: ${place.name}`);
    await apply(filled);
    await place.running('found-again');
    expect(await place.shell('found-again', 'ls /data')).toBe('kept');
    // So that the volume goes with the namespace.
    await kubectl(
      'patch',
      'pv',
      'found-again',
      '--patch',
      '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}',
    );
  });
});

const textOf = async (name: string): Promise<string> => readFile(join(EXAMPLES, `${name}.yaml`), 'utf8');

async function applyExample(place: Namespace, name: string): Promise<void> {
  await place.kubectl('apply', '--filename', join(EXAMPLES, `${name}.yaml`));
}

async function allRun(place: Namespace): Promise<void> {
  await place.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=55s');
}
