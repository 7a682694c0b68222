import { truncate } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { patch, text } from '../host/foreign/bytes.ts';
import { FOREIGN, type ForeignKind, missingTool } from '../host/foreign/gallery.ts';
import { run } from '../host/lab/tool.ts';
import { imageChecksum } from './driver/image.ts';
import { TestNode } from './driver/node.ts';
import { type PlanJson, readLog, reasonOf, type StatusJson, type WhyJson } from './driver/seen.ts';
import { liveOneLife } from './driver/session.ts';

/** Attached at once; as many as a big node has, and three times fewer looks than one by one. */
const BATCH = 26;
const GIB = 1024n ** 3n;

const kinds = await Promise.all(FOREIGN.map(async (kind) => ({ kind, missing: await missingTool(kind) })));
const batches = Array.from({ length: Math.ceil(kinds.length / BATCH) }, (_, at) =>
  kinds.slice(at * BATCH, (at + 1) * BATCH),
);

/** What was seen of one foreign disk, from its attaching to its detaching. */
type Seen = {
  readonly status: string;
  readonly plan: string;
  readonly why: string | undefined;
  readonly logged: readonly string[];
  readonly before: string;
  readonly after: string;
};

describe.each(batches.map((batch, at) => [at + 1, batch] as const))(
  'A pool that wants them all, foreign disks, batch %i',
  (_, batch) => {
    let node: TestNode;
    let seen: ReadonlyMap<string, Seen>;
    let steps: PlanJson['steps'];
    beforeAll(async () => {
      node = await TestNode.create();
      const made = batch.filter(({ missing }) => missing === undefined).map(({ kind }) => kind);
      ({ seen, steps } = await watch(node, made));
    });
    afterAll(() => node[Symbol.asyncDispose]());

    for (const { kind, missing } of batch) {
      const test = missing === undefined ? it : it.skip;
      const note = missing === undefined ? '' : ` NOT RUN: ${missing} is not installed`;
      test(`refuses ${kind.name} with the right reason and changes no byte of it${note}`, () => {
        const one = seen.get(kind.name);
        expect(kind.want).toContain(one?.status);
        expect(kind.want).toContain(one?.plan);
        if (one?.why !== undefined) expect(kind.want).toContain(one.why);
        expect(one?.logged).toEqual([one?.status, one?.status]);
        expect(one?.after).toBe(one?.before);
      });
    }

    it('plans nothing but the taking of the one blank disk', () => {
      expect(steps.map(({ kind }) => kind)).toEqual(['take']);
    });
  },
);

it('The checksum of an image tells one changed byte, wherever it is, and one byte more', async () => {
  await using node = await TestNode.create();
  const image = await node.lab.image('image.img', GIB);
  const sums = [await imageChecksum(image)];
  for (const at of [0, 600 * 1024 ** 2, -1]) {
    await patch(image, [text(at, 'x')]);
    sums.push(await imageChecksum(image));
  }
  await truncate(image, Number(GIB) + 1);
  sums.push(await imageChecksum(image));
  expect(new Set(sums).size).toBe(5);
});

type Guest = { readonly kind: ForeignKind; readonly image: string; readonly device: string };

/** Makes, attaches and occupies the disks; lets the driver see them in all its ways; gives them back. */
async function watch(node: TestNode, made: readonly ForeignKind[]) {
  const before = new Map<string, string>();
  const guests: Guest[] = [];
  for (const kind of made) {
    const image = node.lab.path(`${kind.name}.img`);
    await kind.make(image);
    before.set(kind.name, await keptSum(kind, image));
    guests.push({ kind, image, device: await node.lab.attach(image) });
  }
  const shown = await showOccupied(node, guests);
  const seen = new Map<string, Seen>();
  for (const { kind, image, device } of guests) {
    await node.lab.detach(device);
    const facts = { before: before.get(kind.name) ?? '', after: await keptSum(kind, image) };
    seen.set(kind.name, { ...shown.of(device), ...facts });
  }
  return { seen, steps: shown.steps };
}

async function keptSum({ keptBytes }: ForeignKind, image: string): Promise<string> {
  if (keptBytes === undefined) return imageChecksum(image);
  return run('head', ['--bytes', String(keptBytes), image]).then((start) =>
    Buffer.from(start).toString('hex'),
  );
}

async function showOccupied(node: TestNode, guests: readonly Guest[]) {
  await using occupations = new AsyncDisposableStack();
  for (const { kind, device } of guests) {
    if (kind.occupy !== undefined) occupations.adopt(await kind.occupy(device), (one) => one.release());
  }
  return await show(node, guests);
}

/** Two lives of a driver beside the guests, and all that it says of them. */
async function show(node: TestNode, guests: readonly Guest[]) {
  const neighbour = await node.disk('neighbour', GIB);
  const pools = [{ paths: [neighbour, ...guests.map(({ device }) => device)] }];
  await node.configure(pools);
  const plan = await node.json<PlanJson>(['plan']);
  const first = await node.start(pools);
  await liveOneLife(node.player);
  await first.kill();
  const second = await node.start(pools);
  await liveOneLife(node.player);
  const status = await node.json<StatusJson>(['status']);
  // Each `why` is one more look at all disks: the last of a batch of live kinds stands for the others.
  const asked = guests.findLast(({ kind }) => kind.occupy !== undefined)?.device;
  const why = asked === undefined ? undefined : await node.json<WhyJson>(['why', asked]);
  await second.stop();
  const log = (await readLog(second.logFile)).filter(({ msg }) => msg === 'disk-refused');
  return {
    steps: plan.steps,
    of: (device: string) => ({
      status: reasonOf(status.disks, device),
      plan: reasonOf(plan.leftAlone, device),
      why: device === asked ? why?.findings[0]?.reason : undefined,
      logged: log.filter(({ disk }) => disk === device).map(({ reason }) => String(reason)),
    }),
  };
}
