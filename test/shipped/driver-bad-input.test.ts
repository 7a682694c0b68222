import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '../host/lab/tool.ts';
import { call } from '../player/client.ts';
import type { Made, Wanted } from '../player/player.ts';
import { capabilityOf } from '../player/player.ts';
import { BAD, type Names } from './driver/bad-input.ts';
import { TestNode } from './driver/node.ts';
import { answerOf } from './driver/refused.ts';
import { bringUp, takeDown } from './driver/session.ts';

const GIB = 1024n ** 3n;
const MIB = 1024n ** 2n;

let node: TestNode;
let disks: readonly string[];
let good: Made;
let other: Made;
let names: Names;

/** What no refused call may change: the disks' tables, the records, the mounts, the folders of the kubelet. */
async function world(): Promise<readonly string[]> {
  const tables = await Promise.all(disks.map((disk) => run('sfdisk', ['--dump', disk])));
  const records = join(node.folder, 'state/volumes');
  const files = (await readdir(records)).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(records, file), 'utf8')));
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => line.includes(node.lab.folder));
  const folders = (await readdir(node.lab.folder, { recursive: true })).filter(
    (path) => !path.startsWith('driver/'),
  );
  return [...tables, ...files, ...texts, ...mounts, ...folders.toSorted()];
}

/** The kubelet keeps the folders that it made around a volume. */
async function worldWithoutKubelet(): Promise<readonly string[]> {
  return (await world()).filter((line) => !line.startsWith('kubelet/'));
}

beforeAll(async () => {
  node = await TestNode.create();
  disks = [await node.disk('first', GIB), await node.disk('second', GIB)];
  const [first = '', second = ''] = disks;
  await node.start([
    { name: 'fast', paths: [first] },
    { name: 'slow', paths: [second] },
  ]);
  good = await bringUp(node.player, {
    name: 'good',
    sizeBytes: 300n * MIB,
    access: 'xfs',
    parameters: { pool: 'fast' },
  });
  other = await node.player.create({
    name: 'other',
    sizeBytes: 16n * MIB,
    access: 'block',
    parameters: { pool: 'slow' },
  });
  await mkdir(node.lab.path('real'));
  await symlink(node.lab.path('real'), node.lab.path('link'));
  names = {
    good: good.id,
    other: other.id,
    goodContext: good.context,
    otherContext: other.context,
    staged: node.player.stagingPath(good),
    published: node.player.targetPath(good),
    real: node.lab.path('real'),
    link: node.lab.path('link'),
  };
});
afterAll(() => node[Symbol.asyncDispose]());

describe.each(Object.entries(BAD))('%s', (rpc, rows) => {
  it.each(rows)(
    'with $is is answered $code, names the field, and writes nothing',
    async ({ ask, code, words }) => {
      const before = await world();
      const { identity, controller, node: nodeClient } = node.driver.client;
      const client = [identity, controller, nodeClient].find((one) => rpc in one) as object;
      const method = client[rpc as keyof object] as Parameters<typeof call>[1];
      const answer = await answerOf(call(client, method, ask(names)));
      expect(answer).toEqual({ code, message: words === '' ? '' : expect.stringMatching(words) });
      expect(await world()).toEqual(before);
    },
  );
});

describe('a name', () => {
  const sentinel = () => node.lab.path('real/executed');
  it.each<readonly [string, () => string]>([
    ['a command substitution', () => `$(touch ${sentinel()})`],
    ['backticks', () => `\`touch ${sentinel()}\``],
    ['a semicolon', () => `a; touch ${sentinel()}`],
    ['quotes', () => `'"'; touch ${sentinel()} #`],
    ['a path out of every folder', () => '../../../../etc/passwd'],
    ['128 bytes of Unicode', () => '\u{1F4BE}'.repeat(32)],
    ['what looks like an option', () => '--help'],
    ['what makes other keys in JSON and YAML', () => '","pool":"slow","x":"{}: &a *b'],
  ])('of %s is a name like any other: the volume lives its life', async (_, nameOf) => {
    const wanted: Wanted = {
      name: nameOf(),
      sizeBytes: 16n * MIB,
      access: 'block',
      parameters: { pool: 'slow' },
    };
    expect(Buffer.byteLength(wanted.name)).toBeLessThanOrEqual(128);
    const before = await worldWithoutKubelet();
    const made = await bringUp(node.player, wanted);
    expect((await node.player.create(wanted)).id).toBe(made.id);
    await takeDown(node.player, made);
    expect(await worldWithoutKubelet()).toEqual(before);
    expect(await readdir(node.lab.path('real'))).toEqual([]);
  });
});

describe("somebody else's things at a path", () => {
  it('stay: a mount that is none of ours is not unmounted, a file with bytes is not removed', async () => {
    const mounted = node.lab.path('kubelet/theirs');
    const file = node.lab.path('kubelet/file');
    await mkdir(mounted, { recursive: true });
    await run('mount', ['-t', 'tmpfs', 'theirs', mounted]);
    await writeFile(file, 'theirs');
    const { node: client } = node.driver.client;
    const unpublish = (path: string) =>
      answerOf(call(client, client.NodeUnpublishVolume, { volume_id: good.id, target_path: path }));
    expect(await unpublish(mounted)).toEqual({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining(mounted),
    });
    expect((await unpublish(file)).code).not.toBe('OK');
    const staged = call(client, client.NodeStageVolume, {
      volume_id: good.id,
      staging_target_path: mounted,
      volume_capability: capabilityOf(good.wanted),
      volume_context: good.context,
    });
    expect(await answerOf(staged)).toEqual({
      code: 'ALREADY_EXISTS',
      message: expect.stringContaining('staging_target_path'),
    });
    expect(await readFile('/proc/self/mountinfo', 'utf8')).toContain(mounted);
    expect(await readFile(file, 'utf8')).toBe('theirs');
  });
});
