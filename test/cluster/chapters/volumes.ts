import { describe, expect } from '@jest/globals';
import { apply, kubectl } from '../lab/kubectl.ts';
import { until } from '../lab/wait.ts';
import { applyClass } from '../play/classes.ts';
import { DRIVER_NAME } from '../play/driver.ts';
import { hostnameOf } from '../play/node.ts';
import { claim, claimSpec, pod, STORAGE_CLASS } from '../play/objects.ts';
import { scenario } from '../play/scenario.ts';

const EXPANDED_TIMEOUT_MS = 60_000;

describe('a claim with a pod', () => {
  scenario('is a volume of the node that the pod was scheduled to, and of no other', async (place) => {
    await place.run(pod('app', { claims: ['data'] }), claim('data'));
    const { spec } = await place.volumeOf('data');
    expect(spec.csi.driver).toBe(DRIVER_NAME);
    expect(spec.nodeAffinity).toEqual({
      required: {
        nodeSelectorTerms: [
          {
            matchExpressions: [
              {
                key: 'kubernetes.io/hostname',
                operator: 'In',
                values: [await hostnameOf(await place.nodeOf('app'))],
              },
            ],
          },
        ],
      },
    });
    expect(await place.shell('app', 'df -T /data | tail -1')).toMatch(/\bxfs\b/);
  });

  scenario('gets the filesystem of its class', async (place) => {
    for (const fsType of ['ext4', 'btrfs'] as const)
      await applyClass(`${STORAGE_CLASS}-${fsType}`, { fsType });
    const claims = ['ext4', 'btrfs'].map((name) => claim(name, { storageClass: `${STORAGE_CLASS}-${name}` }));
    await place.run(pod('app', { claims: ['ext4', 'btrfs'] }), ...claims);
    expect(await place.shell('app', 'df -T /ext4 | tail -1')).toMatch(/\bext4\b/);
    expect(await place.shell('app', 'df -T /btrfs | tail -1')).toMatch(/\bbtrfs\b/);
  });

  scenario('gets its volume before the pod is there, when its class says so', async (place) => {
    const storageClass = `${STORAGE_CLASS}-immediate`;
    await applyClass(storageClass, { volumeBindingMode: 'Immediate' });
    await place.apply(claim('data', { storageClass }));
    await place.kubectl('wait', '--for=jsonpath={.status.phase}=Bound', 'pvc/data', '--timeout=120s');
    await place.run(pod('app', { claims: ['data'] }));
    const { spec } = await place.volumeOf('data');
    expect(JSON.stringify(spec.nodeAffinity)).toContain(await hostnameOf(await place.nodeOf('app')));
  });

  scenario('that asks for a raw block volume gets zeros and keeps what it writes', async (place) => {
    const raw = pod('app', { blocks: ['raw'] });
    await place.run(raw, claim('raw', { volumeMode: 'Block', size: '64Mi' }));
    const size = 64 * 1024 ** 2;
    expect(await place.shell('app', `blockdev --getsize64 /dev/raw`)).toBe(String(size));
    expect(await place.shell('app', `cmp -n ${size} /dev/raw /dev/zero && echo zeros`)).toBe('zeros');
    await place.shell('app', 'echo kept | dd of=/dev/raw bs=512 seek=9 conv=sync,fsync');
    await place.kubectl('delete', 'pod', 'app');
    await place.run(raw);
    expect(await place.shell('app', 'dd if=/dev/raw bs=512 skip=9 count=1 | head -n 1')).toBe('kept');
  });

  scenario('shares its volume with a second pod of the node', async (place) => {
    await place.run(pod('one', { claims: ['data'] }), claim('data'));
    await place.run(pod('two', { claims: ['data'] }));
    await place.shell('one', 'echo shared >/data/file');
    expect(await place.shell('two', 'cat /data/file')).toBe('shared');
    expect(await place.nodeOf('two')).toBe(await place.nodeOf('one'));
  });

  scenario('of mode ReadWriteOncePod shares it with nobody', async (place) => {
    await place.run(pod('one', { claims: ['data'] }), claim('data', { accessMode: 'ReadWriteOncePod' }));
    await place.apply(pod('two', { claims: ['data'] }));
    await until('the second pod is refused', 30_000, async () =>
      (await place.kubectl('describe', 'pod', 'two')).includes('ReadWriteOncePod'),
    );
    await place.kubectl('delete', 'pod', 'one');
    await place.running('two');
  });

  scenario('has its files owned by the group of the pod', async (place) => {
    const spec = { securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000 } };
    await place.run(pod('app', { claims: ['data'], spec }), claim('data'));
    expect(await place.shell('app', 'touch /data/file && stat -c %g /data /data/file')).toBe('2000\n2000');
  });

  scenario('mounts a folder of it', async (place) => {
    const container = { volumeMounts: [{ name: 'data', mountPath: '/below', subPath: 'one/two' }] };
    await place.run(pod('app', { claims: ['data'], container }), claim('data'));
    await place.shell('app', 'echo here >/below/file');
    await place.kubectl('delete', 'pod', 'app');
    await place.run(pod('app', { claims: ['data'] }));
    expect(await place.shell('app', 'cat /data/one/two/file')).toBe('here');
  });

  scenario('grows while the pod runs, with a filesystem and raw', async (place) => {
    const claims = [claim('data'), claim('raw', { volumeMode: 'Block', size: '64Mi' })];
    await place.run(pod('app', { claims: ['data'], blocks: ['raw'] }), ...claims);
    await place.apply(claim('data', { size: '1Gi' }), claim('raw', { volumeMode: 'Block', size: '128Mi' }));
    await until('both have grown', EXPANDED_TIMEOUT_MS, async () => {
      const sizes = await place.kubectl(
        'get',
        'pvc',
        '--output=jsonpath={.items[*].status.capacity.storage}',
      );
      return sizes === '1Gi 128Mi';
    });
    expect(Number(await place.shell('app', "df -m /data | awk 'END { print $2 }'"))).toBeGreaterThan(900);
    expect(await place.shell('app', 'blockdev --getsize64 /dev/raw')).toBe(String(128 * 1024 ** 2));
  });

  scenario('that is generic ephemeral comes and goes with the pod', async (place) => {
    const scratch = { name: 'scratch', ephemeral: { volumeClaimTemplate: { spec: claimSpec({}) } } };
    const container = { volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }] };
    await place.run(pod('app', { spec: { volumes: [scratch] }, container }));
    const { metadata } = await place.volumeOf('app-scratch');
    await place.kubectl('delete', 'pod', 'app');
    await until('the volume is gone', 60_000, async () => {
      return (await kubectl('get', 'pv', metadata.name, '--ignore-not-found')) === '';
    });
  });

  scenario('that is to be retained leaves its data, which a hand-made volume finds again', async (place) => {
    await applyClass(`${STORAGE_CLASS}-retain`, { reclaimPolicy: 'Retain' });
    await place.run(
      pod('app', { claims: ['data'] }),
      claim('data', { storageClass: `${STORAGE_CLASS}-retain` }),
    );
    await place.shell('app', 'echo retained >/data/file');
    const { metadata, spec } = await place.volumeOf('data');
    await place.kubectl('delete', 'pod/app', 'pvc/data');
    await kubectl('delete', 'pv', metadata.name);

    const name = `${place.name}-found`;
    await apply({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        capacity: spec.capacity,
        accessModes: ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Delete',
        csi: { driver: DRIVER_NAME, volumeHandle: spec.csi.volumeHandle, fsType: 'xfs' },
        claimRef: { namespace: place.name, name: 'found' },
        nodeAffinity: spec.nodeAffinity,
      },
    });
    await place.run(
      pod('app', { claims: ['found'] }),
      claim('found', { storageClass: '', volumeName: name }),
    );
    expect(await place.shell('app', 'cat /found/file')).toBe('retained');
  });
});
