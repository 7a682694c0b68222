import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import type { Answer } from '../../../src/model/answer.ts';
import { ORPHAN_AGE_MS, ORPHAN_GRACE_MS } from '../../../src/model/orphan.ts';
import { VolumeLab } from '../../host/lab/volume-lab.ts';
import { apply, kubectl } from '../lab/kubectl.ts';
import { CONTROL_PLANE, pidOf } from '../lab/machine.ts';
import { run } from '../lab/tool.ts';
import { withAccount } from '../play/account.ts';
import { DRIVER_NAME } from '../play/driver.ts';
import { scenario } from '../play/scenario.ts';

/** The driver lists a hundred at a time. */
const MORE_THAN_A_PAGE = 101;
const FIND_VOLUME = join(import.meta.dirname, '../play/find-volume.ts');

/**
 * The hour between two answers is longer than a test can wait, so the driver's pods are not asked: here its code runs
 * on a disk of its own and is told the time, while the API server and the rights are the cluster's.
 */
describe('orphans', () => {
  scenario('are the volumes that no PersistentVolume bears, whatever its name', async (place) => {
    await using lab = await VolumeLab.create();
    const [named, renamed, orphan] = await volumesCalled(lab, ['named', 'renamed', 'orphan'], place.name);
    const others = Array.from({ length: MORE_THAN_A_PAGE }, (_, at) => `${place.name}-other-${at}`);
    await applyVolumes(place.name, [
      ...others.map((name) => [name, name] as const),
      [`${place.name}-named`, named],
      // Behind all others, so that it is on the last page.
      [`${place.name}-written-by-hand`, renamed],
    ]);
    try {
      await withAccount('instance-store-csi-node', async (folder) => {
        const find = async (handle: string, name = ''): Promise<Answer<unknown>> => ask(folder, handle, name);
        await lab.age(ORPHAN_AGE_MS);
        await lab.service.lookForOrphans(find, 'delete', 0);
        await lab.service.lookForOrphans(find, 'delete', ORPHAN_GRACE_MS);
      });
      expect(lab.notices.filter(({ notice }) => notice === 'orphan')).toMatchObject([{ handle: orphan }]);
      expect(lab.volumes().toSorted()).toEqual([named, renamed].toSorted());
    } finally {
      await kubectl('delete', 'pv', `--selector=test=${place.name}`, '--wait=false');
    }
  });
});

async function volumesCalled(
  lab: VolumeLab,
  names: readonly string[],
  prefix: string,
): Promise<readonly string[]> {
  const handles: string[] = [];
  for (const name of names) handles.push(await lab.createVolume(`${prefix}-${name}`));
  return handles;
}

/** PersistentVolumes by name and handle. */
async function applyVolumes(
  test: string,
  volumes: readonly (readonly [string, string | undefined])[],
): Promise<void> {
  const items = volumes.map(([name, volumeHandle]) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, labels: { test } },
    spec: {
      capacity: { storage: '16Mi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      csi: { driver: DRIVER_NAME, volumeHandle },
    },
  }));
  await apply({ apiVersion: 'v1', kind: 'List', items });
}

async function ask(folder: string, handle: string, name: string): Promise<Answer<unknown>> {
  const network = ['nsenter', `--target=${await pidOf(CONTROL_PLANE)}`, '--net', '--'];
  const [file = '', ...args] = [...network, process.execPath, FIND_VOLUME, folder, handle, name];
  return JSON.parse(await run(file, args)) as Answer<unknown>;
}
