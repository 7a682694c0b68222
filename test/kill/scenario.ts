import { status } from '@grpc/grpc-js';
import { NO_CRASHPOINTS } from '../../src/host/crashpoint.ts';
import { createExec } from '../../src/host/exec.ts';
import { probeDisk } from '../../src/host/probe.ts';
import type { Wanted } from '../player/player.ts';
import type { World } from './world.ts';

/** The lives of a volume in which the driver is killed. */
export type Scenario = {
  readonly name: string;
  readonly access: Wanted['access'];
  readonly diskBytes: bigint;
  /** What lies on the disk when the driver first sees it: offsets and bytes. */
  readonly dirt: readonly (readonly [at: number, bytes: Buffer])[];
  readonly config: (device: string, image: string) => Promise<string>;
  readonly steps: readonly Step[];
  /** Steps in which nobody is killed, as another scenario has the same. */
  readonly spared: readonly string[];
};

/** One call as kubelet or provisioner makes it, repeated until it is done; then a look at the tenant's data. */
type Step = { readonly name: string; readonly run: (world: World) => Promise<void> };

const MIB = 1024n ** 2n;
const READ_ONLY_POD = 'pod-2';

/** To be asked again, as after an ABORTED of the driver. */
function notYet(what: string): never {
  throw Object.assign(new Error(`not yet: ${what}`), { code: status.ABORTED });
}

const take: Step = {
  name: 'take',
  async run(world) {
    world.emptyBytes = await world.call(async (player) => {
      const { availableBytes } = await player.capacity();
      return availableBytes > 0n ? availableBytes : notYet('the disk is not taken');
    });
  },
};

const create = (wanted: Wanted): Step => ({
  name: 'create',
  async run(world) {
    world.made = await world.call((player) => player.create(wanted));
  },
});

const stage: Step = {
  name: 'stage',
  async run(world) {
    await world.call((player) => player.stage(world.volume));
  },
};

const publish: Step = {
  name: 'publish',
  async run(world) {
    const path = await world.call((player) => player.publish(world.volume));
    await world.writeData(path);
  },
};

const publishReadOnly: Step = {
  name: 'publish-read-only',
  async run(world) {
    const path = await world.call((player) => player.publish(world.volume, READ_ONLY_POD, true));
    await world.expectData(path);
  },
};

const expand = (toBytes: bigint): Step => ({
  name: 'expand',
  async run(world) {
    const sizeBytes = await world.call((player) => player.expand(world.volume, toBytes));
    if (sizeBytes !== toBytes) throw new Error(`expanded to ${sizeBytes} bytes, want ${toBytes}`);
    await world.expectData(world.player.targetPath(world.volume));
  },
});

const unpublishReadOnly: Step = {
  name: 'unpublish-read-only',
  async run(world) {
    await world.call((player) => player.unpublish(world.volume, READ_ONLY_POD));
    await world.expectData(world.player.targetPath(world.volume));
  },
};

const unpublish: Step = {
  name: 'unpublish',
  run: (world) => world.call((player) => player.unpublish(world.volume)),
};

const unstage: Step = {
  name: 'unstage',
  run: (world) => world.call((player) => player.unstage(world.volume)),
};

/** The second stage finds what the first one prepared, and what the tenant wrote. */
const stageAgain: Step = {
  name: 'stage-again',
  async run(world) {
    const path = await world.call((player) => player.stage(world.volume));
    if (world.scenario.access !== 'block') await world.expectData(path);
  },
};

/** Staged once more, and the kubelet forgets to unstage it: DeleteVolume undoes that. */
const stageLeft: Step = {
  name: 'stage-left',
  async run(world) {
    await world.call((player) => player.stage(world.volume));
  },
};

const unstageAgain: Step = { ...unstage, name: 'unstage-again' };

/** Until the slice is sanitized and the disk as free as it was before the first volume. */
const remove: Step = {
  name: 'delete',
  async run(world) {
    const { id } = world.volume;
    await world.call((player) => player.delete(id));
    await world.call(async (player) => {
      const { availableBytes } = await player.capacity();
      if (availableBytes < world.emptyBytes) notYet('the slice is not sanitized');
    });
  },
};

type Kind = Pick<Scenario, 'name' | 'access' | 'diskBytes'> & {
  readonly sanitize: 'discard' | 'zero';
  readonly dirt?: Scenario['dirt'];
  readonly spared?: readonly string[];
};

function scenario(kind: Kind, steps: readonly Step[]): Scenario {
  const { name, access, diskBytes, sanitize, dirt = [], spared = [] } = kind;
  const config = async (device: string, image: string) => {
    const permits =
      dirt.length === 0 ? [] : [{ disk: `loop:${image}`, found: await fingerprint(device, diskBytes) }];
    const disks = { match: [{ path: device }], minSize: '64Mi', eraseAndTake: permits };
    const pools = [{ name: 'kill', disks, sanitize }];
    return JSON.stringify({
      apiVersion: 'instance-store.csi.dev/v1alpha1',
      kind: 'DriverConfiguration',
      pools,
    });
  };
  return { name, access, diskBytes, dirt, config, steps, spared };
}

/** What `why DISK` prints: of what lies on the disk as the scenario begins. */
async function fingerprint(path: string, sizeBytes: bigint): Promise<string> {
  const exec = createExec({ crashpoints: NO_CRASHPOINTS });
  const content = await probeDisk(
    exec,
    { path, sizeBytes },
    { sample: true, fingerprint: true, claim: false },
  );
  if (content.is !== 'read' || content.bytes.fingerprint === undefined)
    throw new Error(`cannot read ${path}`);
  return content.bytes.fingerprint;
}

const wanted = (access: Scenario['access'], mebibytes: bigint): Wanted => {
  return { name: 'pvc-kill', access, sizeBytes: mebibytes * MIB };
};

const GARBAGE = Buffer.alloc(64 * 1024, 'somebody wrote this and nobody needs it any more. ');

export const SCENARIOS: readonly Scenario[] = [
  scenario({ name: 'xfs', access: 'xfs', diskBytes: 768n * MIB, sanitize: 'discard' }, [
    take,
    create(wanted('xfs', 300n)),
    stage,
    publish,
    publishReadOnly,
    expand(320n * MIB),
    unpublishReadOnly,
    unpublish,
    unstage,
    stageAgain,
    unstageAgain,
    remove,
  ]),
  scenario({ name: 'block', access: 'block', diskBytes: 128n * MIB, sanitize: 'zero' }, [
    take,
    create(wanted('block', 8n)),
    stage,
    publish,
    publishReadOnly,
    expand(16n * MIB),
    unpublishReadOnly,
    unpublish,
    unstage,
    remove,
  ]),
  scenario(
    {
      name: 'ext4-left-staged',
      access: 'ext4',
      diskBytes: 128n * MIB,
      sanitize: 'discard',
      spared: ['take', 'create', 'unstage'],
    },
    [take, create(wanted('ext4', 16n)), stage, unstage, stageLeft, remove],
  ),
  scenario(
    {
      name: 'dirty',
      access: 'block',
      diskBytes: 128n * MIB,
      sanitize: 'discard',
      spared: ['create', 'delete'],
      dirt: [0, Number(MIB), Number(100n * MIB)].map((at) => [at, GARBAGE] as const),
    },
    [take, create(wanted('block', 8n)), remove],
  ),
];
