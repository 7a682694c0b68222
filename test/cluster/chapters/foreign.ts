import { basename } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { FOREIGN, type ForeignKind, missingTool } from '../../host/foreign/gallery.ts';
import { run as runTool } from '../../host/lab/tool.ts';
import { Lab } from '../../host/lab.ts';
import { imageChecksum } from '../../shipped/driver/image.ts';
import { reasonOf } from '../../shipped/driver/seen.ts';
import { runInside } from '../lab/machine.ts';
import { killDriver } from '../play/driver.ts';
import { labNode } from '../play/node.ts';
import { statusOf } from '../play/status.ts';

const NODE = 'node-1';
const MIB = 1024n ** 2n;
const node = labNode(NODE);
const MOUNTED: Guest['kind'] = {
  name: 'a filesystem mounted elsewhere than below /var/lib/kubelet',
  want: ['mounted'],
};
const ELSEWHERE = '/run/elsewhere';

/** Those whose bytes alone say whose they are: the others need a process of the host to hold them. */
const kinds = FOREIGN.filter(({ occupy }) => occupy === undefined);
const missing = new Map(
  await Promise.all(kinds.map(async (kind) => [kind.name, await missingTool(kind)] as const)),
);
const made = kinds.filter(({ name }) => missing.get(name) === undefined);

type Guest = {
  readonly kind: Pick<ForeignKind, 'name' | 'want'>;
  readonly image: string;
  readonly device: string;
};
type Seen = { readonly verdict: string | undefined; readonly unchanged: boolean };

describe('a pool on a cluster that wants foreign disks', () => {
  const seen = new Map<string, Seen>();
  beforeAll(async () => {
    await using lab = await Lab.create();
    await watch(lab, seen);
  });

  for (const kind of [...kinds, MOUNTED]) {
    const lacking = missing.get(kind.name);
    const test = lacking === undefined ? it : it.skip;
    const note = lacking === undefined ? '' : ` NOT RUN: ${lacking} is not installed`;
    test(`refuses ${kind.name}, and changes no byte of it${note}`, () => {
      expect(kind.want).toContain(seen.get(kind.name)?.verdict);
      expect(seen.get(kind.name)?.unchanged).toBe(true);
    });
  }
});

/** Shows the disks to the driver on the node, through one restart of it, and takes them away again. */
async function watch(lab: Lab, seen: Map<string, Seen>): Promise<void> {
  const guests: Guest[] = [];
  for (const kind of made) {
    const image = lab.path(`${kind.name}.img`);
    await kind.make(image);
    guests.push({ kind, image, device: await lab.attach(image) });
  }
  guests.push(await filesystem(lab));
  const sums = await Promise.all(guests.map(async ({ image }) => imageChecksum(image)));
  const { device: mounted } = guests.at(-1) ?? { device: '' };
  await runInside(node, ['mkdir', '-p', ELSEWHERE]);
  await runInside(node, ['mount', '-o', 'ro', mounted, ELSEWHERE]);
  try {
    for (const { device } of guests) await runInside(node, ['ln', '-s', device, linkTo(device)]);
    await killDriver(NODE);
    const { disks } = await statusOf(NODE);
    for (const [at, { kind, image, device }] of guests.entries()) {
      const unchanged = (await imageChecksum(image)) === sums[at];
      seen.set(kind.name, { verdict: reasonOf(disks, device), unchanged });
    }
  } finally {
    await runInside(node, ['umount', ELSEWHERE]);
    for (const { device } of guests) await runInside(node, ['rm', '-f', linkTo(device)]);
  }
}

const linkTo = (device: string): string => `/dev/disk/by-id/lab-foreign-${basename(device)}`;

/** To be mounted on the node itself, read-only, so that its bytes stay as they are. */
async function filesystem(lab: Lab): Promise<Guest> {
  const image = await lab.image('mounted.img', 300n * MIB);
  await runTool('mkfs.ext4', ['-q', image]);
  return { kind: MOUNTED, image, device: await lab.attach(image) };
}
