import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { NODES } from '../lab/cluster.ts';
import { addDisk, removeDisk } from '../lab/disks.ts';
import { kubectl } from '../lab/kubectl.ts';
import { importImage } from '../lab/node.ts';
import { hasOlder, OLDER_TAG, withOlder } from '../lab/older.ts';
import { ROOT } from '../lab/place.ts';
import { until } from '../lab/wait.ts';
import { install, ready, uninstall } from '../play/driver.ts';
import { helmInstall, helmUninstall } from '../play/helm.ts';
import { hostnameOf, labNode } from '../play/node.ts';
import { claim, pod } from '../play/objects.ts';
import { scenario } from '../play/scenario.ts';

const GROUPS = { 'node-1': 'general', 'node-2': 'general', 'node-3': 'databases' };
const GROUP_LABEL = 'instance-store.csi.dev/disks';
const GIB = 1024 ** 3;
const GROWN_TIMEOUT_MS = 90_000;

describe('Helm', () => {
  beforeAll(labelGroups);
  // What was installed before, for whoever comes after.
  afterAll(async () => {
    await helmUninstall();
    await removeDisk(labNode('node-3'), 'whole');
    await install();
  });

  scenario('installs where kustomize had installed, and the volumes of before are served', async (place) => {
    const app = pod('app', { claims: ['data'], hostname: await hostnameOf('node-1') });
    await place.run(app, claim('data'));
    await place.shell('app', 'echo kept >/data/file && sync');
    await uninstall();
    // What is mounted stays mounted, driver or not.
    expect(await place.shell('app', 'cat /data/file')).toBe('kept');
    await helmInstall();
    await helmReady();
    await place.kubectl('delete', 'pod', 'app');
    await place.run(app);
    expect(await place.shell('app', 'cat /data/file')).toBe('kept');
  });

  scenario(
    'installs a group of nodes that gives whole disks away: the example whole-disk.yaml',
    async (place) => {
      // Not before: the pool of the installation by kustomize wants every disk.
      await addDisk(labNode('node-3'), 'whole', 2 * GIB);
      await place.kubectl('apply', '--filename', join(ROOT, 'deploy/examples/whole-disk.yaml'));
      await place.running('whole-disk');
      expect(await place.nodeOf('whole-disk')).toBe('node-3');
      const megabytes = Number(await place.shell('whole-disk', "df -m /data | awk 'END { print $2 }'"));
      // It asked for half as much.
      expect(megabytes).toBeGreaterThan(1900);
    },
  );
});

const upgrade = (await hasOlder()) ? describe : describe.skip;

upgrade('an upgrade by Helm', () => {
  beforeAll(labelGroups);
  afterAll(async () => {
    await helmUninstall();
    await install();
  });

  scenario('from the oldest version serves what that one made, and grows it', async (place) => {
    await uninstall();
    await withOlder(async (chart, archive) => {
      for (const node of NODES) await importImage(node, archive);
      await helmInstall(chart, OLDER_TAG);
      await helmReady();
    });
    await place.run(pod('app', { claims: ['data'] }), claim('data'));
    await place.shell('app', 'echo kept >/data/file && sync');
    await helmInstall();
    await helmReady();
    expect(await place.shell('app', 'cat /data/file')).toBe('kept');
    await place.apply(claim('data', { size: '768Mi' }));
    await until('it has grown', GROWN_TIMEOUT_MS, async () => {
      const size = await place.kubectl('get', 'pvc', 'data', '--output=jsonpath={.status.capacity.storage}');
      return size === '768Mi';
    });
    await place.kubectl('delete', 'pod', 'app');
    await place.run(pod('app', { claims: ['data'] }));
    expect(await place.shell('app', 'cat /data/file')).toBe('kept');
  });
});

async function labelGroups(): Promise<void> {
  for (const [node, group] of Object.entries(GROUPS)) {
    await kubectl('label', 'node', node, `${GROUP_LABEL}=${group}`, '--overwrite');
  }
}

const helmReady = async (): Promise<void> => ready([...new Set(Object.values(GROUPS))]);
