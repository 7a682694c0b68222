import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { patch, zeros } from '../host/foreign/bytes.ts';
import { run } from '../host/lab/tool.ts';
import { imageChecksum } from './driver/image.ts';
import { type PoolLine, TestNode } from './driver/node.ts';
import { type PlanJson, readLog, reasonOf, type StatusJson } from './driver/seen.ts';
import { liveOneLife } from './driver/session.ts';

/** A bound for a machine under load, not a measure. */
const MIB = 1024 ** 2;
const GIB = 1024n ** 3n;
const NOTE = { at: MIB, lengthBytes: 8192 };

/** Disks that once were taken, by this driver or by another one, and what has become of them since. */
const MARKED: readonly {
  readonly name: string;
  readonly want: string;
  readonly detail: RegExp;
  readonly takenBy: 'us' | 'them';
  readonly alter?: (image: string) => Promise<void>;
}[] = [
  {
    name: "another node's disk",
    want: "another node's mark",
    detail: /on node node-them, machine machine-them/,
    takenBy: 'them',
  },
  {
    name: 'a newer mark',
    want: 'newer mark',
    detail: /format version 3; this driver knows up to 2: use the newer driver/,
    takenBy: 'us',
    alter: (image) =>
      rewriteNote(image, (text) =>
        text
          .replace('format version 1', 'format version 3')
          .replace('"formatVersion": 1', '"formatVersion": 3'),
      ),
  },
  {
    name: 'a note with one letter changed',
    want: 'damaged mark',
    detail: /the note: its checksum does not match/,
    takenBy: 'us',
    alter: (image) => patch(image, [{ at: NOTE.at + 200, bytes: Buffer.from('?') }]),
  },
  {
    name: 'a note that ends in its middle',
    want: 'damaged mark',
    detail: /the note: no checksum at its end/,
    takenBy: 'us',
    alter: (image) => patch(image, [zeros(NOTE.at + 300, NOTE.lengthBytes - 300)]),
  },
  {
    name: 'a table of ours without its note',
    want: 'damaged mark',
    detail: /the table is ours, its note is gone/,
    takenBy: 'us',
    alter: (image) => patch(image, [zeros(NOTE.at, NOTE.lengthBytes)]),
  },
  {
    name: 'a note of ours without its table',
    want: 'damaged mark',
    detail: /the note is whole, no copy of the table is/,
    takenBy: 'us',
    alter: (image) =>
      patch(image, [
        zeros(0, 64 * 1024),
        { at: 40 * MIB, bytes: Buffer.from('bytes of a volume') },
        zeros(-64 * 1024, 64 * 1024),
      ]),
  },
  {
    name: 'a disk that has grown',
    want: 'damaged mark',
    detail: /the disk had 314572800 bytes when taken/,
    takenBy: 'us',
    alter: (image) => run('truncate', ['--size', '400M', image]).then(() => undefined),
  },
  {
    name: 'a disk of ours with a partition of somebody else in our table',
    want: 'damaged mark',
    detail: /./,
    takenBy: 'us',
    alter: (image) =>
      run('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', image], {
        input: 'label: gpt\nstart=4096, size=100M\n',
      }).then(() => undefined),
  },
];

/** The note in other words, with the checksum that belongs to them. */
async function rewriteNote(image: string, change: (text: string) => string): Promise<void> {
  const bytes = (await readFile(image)).subarray(NOTE.at, NOTE.at + NOTE.lengthBytes);
  const text = bytes.subarray(0, bytes.indexOf(0)).toString('utf8');
  const body = change(text.slice(0, text.lastIndexOf('sha256 ')));
  const whole = `${body}sha256 ${createHash('sha256').update(body).digest('hex')}\n`;
  await patch(image, [zeros(NOTE.at, NOTE.lengthBytes), { at: NOTE.at, bytes: Buffer.from(whole) }]);
}

describe('A driver that finds marks', () => {
  let node: TestNode;
  let devices: ReadonlyMap<string, string>;
  let status: StatusJson;
  let plan: PlanJson;
  let logged: ReadonlyMap<string, string>;
  const checksums = new Map<string, { before: string; after: string }>();

  beforeAll(async () => {
    node = await TestNode.create();
    await makeMarked();
    const attached = new Map<string, string>();
    for (const { name } of MARKED) attached.set(name, await node.lab.attach(node.lab.path(`${name}.img`)));
    devices = attached;
    await lookAtAll([...attached.values()]);
    for (const [name, device] of devices) {
      await node.lab.detach(device);
      const one = checksums.get(name);
      if (one !== undefined) one.after = await imageChecksum(node.lab.path(`${name}.img`));
    }
  });
  afterAll(() => node[Symbol.asyncDispose]());

  /** Has the disks taken, each by whom it says, and alters what lies on them. */
  async function makeMarked(): Promise<void> {
    const made = new Map<string, string>();
    for (const { name } of MARKED) made.set(name, await node.disk(name));
    const of = (who: 'us' | 'them') =>
      MARKED.filter(({ takenBy }) => takenBy === who).flatMap(({ name }) => made.get(name) ?? []);
    const us = await node.start([{ paths: of('us') }]);
    const folder = node.lab.path('them');
    const them = await node.spawn([{ paths: of('them') }], {
      folder,
      node: 'node-them',
      machine: 'machine-them',
    });
    await them.ready();
    await Promise.all([us.stop(), them.stop()]);
    for (const { name, alter } of MARKED) {
      await node.lab.detach(made.get(name) ?? '');
      const image = node.lab.path(`${name}.img`);
      await alter?.(image);
      checksums.set(name, { before: await imageChecksum(image), after: '' });
    }
  }

  async function lookAtAll(paths: readonly string[]): Promise<void> {
    const pools = [{ paths: [await node.disk('neighbour', GIB), ...paths] }];
    await node.configure(pools);
    plan = await node.json<PlanJson>(['plan']);
    const driver = await node.start(pools);
    await liveOneLife(node.player);
    status = await node.json<StatusJson>(['status']);
    await driver.stop();
    const lines = (await readLog(driver.logFile)).filter(({ msg }) => msg === 'disk-refused');
    logged = new Map(lines.map(({ disk, reason, detail }) => [String(disk), `${reason}: ${detail}`]));
  }

  it.each(MARKED.map((one) => [one.name, one] as const))(
    'refuses %s in words, and changes no byte',
    (name, { want, detail }) => {
      const device = devices.get(name) ?? '';
      expect(reasonOf(status.disks, device)).toBe(want);
      expect(reasonOf(plan.leftAlone, device)).toBe(want);
      expect(logged.get(device)).toMatch(new RegExp(`^${want}: .*${detail.source}`));
      const sums = checksums.get(name);
      expect(sums?.after).toBe(sums?.before);
    },
  );
});

describe('A disk that is here more than once', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.create();
  });
  afterAll(() => node[Symbol.asyncDispose]());

  it('is refused as a copied mark where it is a copy, while the original is served', async () => {
    const original = await node.disk('original', GIB);
    await (await node.start([{ paths: [original] }])).stop();
    const image = node.lab.path('copy.img');
    await run('dd', [`if=${original}`, `of=${image}`, 'bs=1M', 'conv=sparse']);
    const before = await imageChecksum(image);
    const copy = await node.lab.attach(image);
    const driver = await node.start([{ paths: [original, copy] }]);
    await liveOneLife(node.player);
    const { disks } = await node.json<StatusJson>(['status']);
    await driver.stop();
    expect(reasonOf(disks, original)).toBe('owned by pool fast');
    expect(disks.find(({ disk }) => disk === copy)?.verdict).toBe(
      `refused: copied mark (its note was written for the disk loop:${node.lab.path('original.img')})`,
    );
    await node.lab.detach(copy);
    expect(await imageChecksum(image)).toBe(before);
  });

  it('is refused at both of its paths, though it bears our mark', async () => {
    const once = await node.disk('twice', GIB);
    await (await node.start([{ paths: [once] }])).stop();
    const twice = await node.lab.attach(node.lab.path('twice.img'));
    const driver = await node.start([{ paths: [once, twice] }]);
    const { disks } = await node.json<StatusJson>(['status']);
    expect([once, twice].map((device) => reasonOf(disks, device))).toEqual([
      'duplicate identity',
      'duplicate identity',
    ]);
    expect((await node.player.capacity()).availableBytes).toBe(0n);
    await driver.stop();
    await node.lab.detach(twice);
  });
});

/** But for removable ones: no loop device is, so test/unit (sysfs, judge) has to do for them. */
describe('A disk that no pool may have', () => {
  let node: TestNode;
  let blank: string;
  let status: (pools: readonly PoolLine[]) => Promise<StatusJson>;
  beforeAll(async () => {
    node = await TestNode.create();
    blank = await node.disk('blank');
    status = async (pools) => {
      await node.configure(pools);
      return node.json<StatusJson>(['status']);
    };
  });
  afterAll(() => node[Symbol.asyncDispose]());

  it('is the root disk, whatever else', async () => {
    const [, source = ''] =
      / \/ \/ .* - \S+ (\S+) /.exec(await readFile('/proc/self/mountinfo', 'utf8')) ?? [];
    const { disks } = await status([{ paths: [blank] }]);
    const roots = disks.filter(
      ({ verdict }) => verdict === 'refused: root disk (the root filesystem is on it)',
    );
    // A root that is no disk (an overlay, a network) leaves nothing to refuse.
    expect(roots.map(({ disk }) => source.startsWith(disk))).toEqual(
      source.startsWith('/dev/') ? [true] : [],
    );
  });

  it.each<readonly [string, (blank: string) => readonly PoolLine[], string]>([
    ['matched by no pool', () => [{ paths: ['/dev/nonexistent'] }], 'matched by no pool'],
    [
      'matched by two pools',
      (path) => [
        { name: 'fast', paths: [path] },
        { name: 'slow', paths: [path.toUpperCase()] },
      ],
      'matched by two',
    ],
    ['smaller than its pool wants', (path) => [{ paths: [path], minSize: '301Mi' }], 'too small'],
  ])('is one %s', async (_, poolsFor, want) => {
    expect(reasonOf((await status(poolsFor(blank))).disks, blank)).toBe(want);
  });

  it('is one of less than 64 MiB, whatever its pool wants', async () => {
    const small = await node.disk('small', 63n * 1024n ** 2n);
    expect(reasonOf((await status([{ paths: [small], minSize: '1Mi' }])).disks, small)).toBe('too small');
  });
});
