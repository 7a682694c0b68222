import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from '@jest/globals';
import { get } from '../lab/kubectl.ts';
import { runInside } from '../lab/machine.ts';
import { until } from '../lab/wait.ts';
import { settled } from '../play/capacity.ts';
import { applyClass } from '../play/classes.ts';
import { killDriver } from '../play/driver.ts';
import type { Namespace, PersistentVolume } from '../play/namespace.ts';
import { hostnameOf, labNode } from '../play/node.ts';
import { claim, pod } from '../play/objects.ts';
import { scenario } from '../play/scenario.ts';
import { statusOf } from '../play/status.ts';

const NODES = ['node-1', 'node-2'];
/** XFS is not made as small. */
const SMALL_CLASS = 'fast-local-ext4';
const WAVES = 5;
const CLAIMS_OF_A_WAVE = 20;
const SETTLE_MS = 180_000;
/** Other people's mounts of the machine are seen on a node too. */
const STAGED = / \/var\/lib\/kubelet\/\S*\/globalmount /g;
const KILL_EVERY_MS = 4_000;

describe('a hundred claims while the driver is killed again and again', () => {
  scenario('end bound or gone, and nothing is left over', async (place) => {
    await applyClass(SMALL_CLASS, { fsType: 'ext4' });
    const storm = new AbortController();
    const kills = killAtRandom(storm.signal);
    for (let wave = 0; wave < WAVES; wave += 1) await rideOut(place, wave);
    storm.abort();
    await kills;
    await until('volumes, slices and mounts agree', SETTLE_MS, async () => {
      for (const node of NODES) await agree(node);
      return true;
    });
    await settled();
  });
});

/** Makes claims with pods; half of the pods and claims go while the other half are waited for. */
async function rideOut(place: Namespace, wave: number): Promise<void> {
  const names = Array.from({ length: CLAIMS_OF_A_WAVE }, (_, at) => `app-${wave}-${at}`);
  await place.apply(
    ...names.flatMap((name) => [
      claim(name, { size: '64Mi', storageClass: SMALL_CLASS }),
      pod(name, { claims: [name] }),
    ]),
  );
  const kept = names.filter((_, at) => at % 2 === 0);
  const going = names.filter((name) => !kept.includes(name));
  await place.kubectl('delete', '--wait=false', ...going.flatMap((name) => [`pod/${name}`, `pvc/${name}`]));
  await until(`the pods of wave ${wave} run`, SETTLE_MS, async () => {
    const { items } = await place.get<{
      items: readonly { metadata: { name: string }; status: { phase: string } }[];
    }>('pods');
    const running = items
      .filter(({ status }) => status.phase === 'Running')
      .map(({ metadata }) => metadata.name);
    return kept.every((name) => running.includes(name));
  });
}

async function killAtRandom(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const node = NODES[Math.floor(Math.random() * NODES.length)] ?? '';
    await killDriver(node);
    await sleep(Math.random() * KILL_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/**
 * A slice for each volume, and a staging mount for each that a pod uses. The provisioner forgets what it asked for when
 * it is killed, so that a slice may be left of a claim that went meanwhile: an orphan, which nobody has ever used.
 */
async function agree(node: string): Promise<void> {
  const hostname = await hostnameOf(node);
  const { items } = await get<{ items: readonly PersistentVolume[] }>('pv');
  const here = items
    .filter(({ spec }) => JSON.stringify(spec.nodeAffinity).includes(`"${hostname}"`))
    .map(({ spec }) => spec.csi.volumeHandle);
  const { volumes, quarantined } = await statusOf(node);
  expect(volumes.map(({ handle }) => handle)).toEqual(expect.arrayContaining(here));
  const orphans = volumes.filter(({ handle }) => !here.includes(handle));
  expect(orphans.filter(({ state }) => !state.startsWith('carved'))).toEqual([]);
  expect(quarantined).toEqual([]);
  const staged = (await runInside(labNode(node), ['cat', '/proc/mounts'])).match(STAGED) ?? [];
  expect(staged).toHaveLength(here.length);
}
