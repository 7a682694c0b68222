import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ask } from '../../src/csi/administration.ts';
import { run } from '../host/lab/tool.ts';
import { type CliResult, TestNode } from './driver/node.ts';
import { type PlanJson, readLog, reasonOf, type StatusJson } from './driver/seen.ts';
import { bringUp, SMALL, takeDown } from './driver/session.ts';
import { eventually } from './volume/world.ts';

const MIB = 1024n ** 2n;
const DISK = 512n * MIB;

let node: TestNode;
/** Two disks, so that one can be closed. The other is larger, and gets the first volume. */
let small: string;
let large: string;
beforeEach(async () => {
  node = await TestNode.create();
  small = await node.disk('small', DISK);
  large = await node.disk('large', 2n * DISK);
});
afterEach(() => node[Symbol.asyncDispose]());

const pools = () => [{ paths: [small, large] }];
const free = async () => (await node.player.capacity()).availableBytes;

async function done(order: Promise<CliResult>): Promise<string> {
  const { code, stdout, stderr } = await order;
  if (code !== 0) throw new Error(`ended with ${code}: ${stderr}`);
  return stdout;
}

async function verdictOf(disk: string): Promise<string> {
  return reasonOf((await node.json<StatusJson>(['status'])).disks, disk);
}

/** What blkid, wipefs, the kernel and the mark's own places show of a disk. */
async function tracesOn(disk: string): Promise<readonly string[]> {
  const sizeBytes = Number(await run('blockdev', ['--getsize64', disk]));
  const places = [0, 2 ** 20, sizeBytes - 65536];
  const bytes = await Promise.all(
    places.map((at) =>
      run('sh', [
        '-c',
        `dd if=${disk} bs=64K iflag=direct,skip_bytes skip=${at} count=1 status=none | tr -d '\\0'`,
      ]),
    ),
  );
  return [
    await run('sh', ['-c', `blkid -p ${disk} || test $? = 2`]),
    await run('wipefs', ['--noheadings', disk]),
    await run('sh', ['-c', `ls ${disk}p* 2>/dev/null || true`]),
    ...bytes,
  ].filter((text) => text.trim() !== '');
}

describe('cordon', () => {
  it('keeps new volumes off a disk and takes it out of the capacity, serves what is on it, and outlives the driver', async () => {
    const driver = await node.start(pools());
    const both = await free();
    const made = await bringUp(node.player);
    expect(await done(node.ask('cordon', large))).toContain(
      `${large} (loop:${node.lab.path('large.img')}) is cordoned`,
    );

    const inSmall = await free();
    expect(inSmall).toBeLessThan(DISK);
    await expect(node.player.create({ ...SMALL, name: 'pvc-large', sizeBytes: DISK })).rejects.toThrow(
      /RESOURCE_EXHAUSTED/,
    );
    const other = await node.player.create({ ...SMALL, name: 'pvc-other' });

    await node.player.expand(made, made.sizeBytes + 64n * MIB);
    const status = await node.cli(['status']);
    expect(status.stdout).toMatch(
      new RegExp(`${large} .*owned by pool fast\\n +cordoned since .*: nothing new is put on it`),
    );
    const { leftAlone } = await node.json<PlanJson>(['plan']);
    expect(leftAlone.find(({ disk }) => disk === large)?.verdict).toMatch(
      /^owned by pool fast, cordoned since /,
    );
    expect((await node.cli(['why', large])).stdout).toMatch(/cordon +cordoned since /);

    await driver.kill();
    await node.start(pools());
    expect(await free()).toBeLessThan(DISK);
    expect(await done(node.ask('cordon', large))).toContain('is cordoned');
    await node.player.unpublish(made);
    await node.player.unstage(made);
    await node.player.delete(made.id);
    await node.player.delete(other.id);
    expect(await done(node.ask('uncordon', `loop:${node.lab.path('large.img')}`))).toContain(
      'is not cordoned',
    );
    await eventually(async () => (await free()) === both);
  });

  it('keeps a blank disk from being taken', async () => {
    const only = { paths: [small] };
    const first = await node.start([{ ...only, minSize: '600Mi' }]);
    expect(await verdictOf(small)).toBe('too small');
    await done(node.ask('cordon', small));
    expect((await node.ask('cordon', large)).stderr).toContain('it is not ours and no pool matches it');
    await first.stop();
    const second = await node.start([only]);
    expect(await verdictOf(small)).toBe('cordoned');
    for (const _again of [false, true])
      expect(await done(node.ask('uncordon', small))).toContain('is not cordoned');
    expect(await verdictOf(small)).toBe('owned by pool fast');
    await second.stop();
    expect((await readFile(second.logFile, 'utf8')).match(/"disk-uncordoned"/g)).toHaveLength(1);
  });

  it('puts nothing new on any disk while the file of cordons is not what the driver wrote, and says so', async () => {
    await (await node.start([{ paths: [large] }])).stop();
    const file = join(node.folder, 'state/cordons.json');
    await writeFile(file, '{"formatVersion":1,');
    const driver = await node.start(pools());
    expect(await free()).toBe(0n);
    expect(await verdictOf(small)).toBe('cordoned');
    expect((await node.ask('uncordon', large)).stderr).toContain(`${file} is not what the driver wrote`);
    expect((await readLog(driver.logFile)).map(({ msg }) => msg)).toContain('cordons-unread');
    expect(await readFile(file, 'utf8')).toBe('{"formatVersion":1,');
  });
});

describe('release', () => {
  it('refuses a disk with volumes, naming them, and changes nothing', async () => {
    await node.start(pools());
    const made = await bringUp(node.player);
    const before = await free();
    const { code, stderr } = await node.ask('release', large, '--yes');
    expect(code).toBe(1);
    expect(stderr).toContain(`Cannot release ${large}: found volume ${made.id} (${SMALL.name}), want none`);
    expect(await free()).toBe(before);
    await takeDown(node.player, made);
  });

  it('refuses a disk with a deleted volume that is still being sanitized', async () => {
    await node.start([{ paths: [large], sanitize: 'zero', sanitizeBytesPerSecond: '1Mi' }]);
    const made = await node.player.create(SMALL);
    await node.player.delete(made.id);
    const { stderr } = await node.ask('release', large, '--yes');
    expect(stderr).toMatch(/found a deleted volume that is being sanitized \(partition \d+\), want none/);
  });

  it('leaves no trace of ours on an empty disk, which is not taken again until it is uncordoned', async () => {
    const driver = await node.start(pools());
    const both = await free();
    await takeDown(node.player, await bringUp(node.player));
    expect(await done(node.ask('release', large, '--yes'))).toContain(
      `${large} (loop:${node.lab.path('large.img')}) is given back`,
    );
    expect(await tracesOn(large)).toEqual([]);
    expect(await free()).toBeLessThan(DISK);
    expect(await verdictOf(large)).toBe('cordoned');
    expect(await done(node.ask('release', large, '--yes'))).toContain('is given back');

    await driver.kill();
    await node.start(pools());
    expect(await verdictOf(large)).toBe('cordoned');
    expect((await node.json<PlanJson>(['plan'])).steps).toEqual([]);
    expect(await tracesOn(large)).toEqual([]);
    await done(node.ask('uncordon', large));
    expect(await free()).toBe(both);
    expect(await verdictOf(large)).toBe('owned by pool fast');
  });

  it('says what is wrong with what was asked', async () => {
    await node.configure(pools());
    const asleep = await node.ask('release', large, '--yes');
    expect([asleep.code, asleep.stderr]).toEqual([
      1,
      expect.stringMatching(/no driver listens at .*driver\.sock/),
    ]);
    const foreign = await node.disk('foreign', DISK);
    await run('mkfs.ext4', ['-q', '-F', foreign]);
    await node.start([{ paths: [small, large, foreign] }]);
    const refusals: readonly (readonly [readonly string[], number, string])[] = [
      [['release', large], 2, `release: it takes the owner mark off ${large}; add --yes`],
      [['release', '/dev/nope', '--yes'], 2, '"/dev/nope" is no disk of this node'],
      [['cordon'], 2, 'cordon: name a disk'],
      [['cordon', '/dev/nope'], 2, '"/dev/nope" is no disk of this node'],
      [['uncordon', '/dev/nope'], 2, '"/dev/nope" is no disk of this node'],
      [['release', foreign, '--yes'], 1, `Cannot release ${foreign}: found has a signature: ext4`],
      [['cordon', large, '--node-name', 'x'], 2, 'cordon has no option --node-name'],
    ];
    for (const [argv, code, words] of refusals)
      expect([await node.ask(...argv)]).toEqual([
        expect.objectContaining({ code, stderr: expect.stringContaining(words) }),
      ]);
    await done(node.ask('cordon', foreign));
  });
});

describe('release that is killed', () => {
  const pool = () => [{ paths: [small] }];
  const crashpoints = (value: string) => ({ env: { INSTANCE_STORE_CSI_CRASHPOINTS: value } });
  const order = (verb: 'uncordon' | 'release') => ask(join(node.folder, 'state'), { verb, disk: small });

  it('is finished by the next start from wherever it was cut, or was not begun', async () => {
    await node.start(pool());
    await order('release');
    await node.driver.stop();
    const trace = node.lab.path('trace');
    const recorded = await node.start(pool(), crashpoints(`record:${trace}`));
    await order('uncordon');
    const earlier = (await pointsIn(trace)).length;
    await order('release');
    await recorded.stop();
    const points = (await pointsIn(trace)).slice(earlier);
    expect(points.map((point) => point.split(' ').slice(0, 2).join(' '))).toEqual(
      [
        ...['durable write', 'durable rename', 'exec delpart'],
        ...Array.from({ length: 3 }, () => ['exec blkdiscard', 'exec dd']).flat(),
        ...['durable write', 'durable rename'],
      ].flatMap((effect) => [effect, effect]),
    );

    // What is after one effect is before the next.
    for (const at of [...points.keys()].filter((one) => one % 2 === 0 || one === points.length - 1)) {
      const killed = await node.start(pool(), crashpoints(`kill:${earlier + at + 1}`));
      await order('uncordon');
      expect(await free()).toBeGreaterThan(0n);
      await expect(order('release')).rejects.toThrow();
      await killed.waitForEnd();
      if (at === 8) expect((await node.json<PlanJson>(['plan'])).steps).toMatchObject([{ kind: 'release' }]);
      await node.start(pool());
      const isBegun = at >= 3;
      expect({ at, isServed: (await free()) > 0n }).toEqual({ at, isServed: !isBegun });
      expect({ at, traces: (await tracesOn(small)).length > 0 }).toEqual({ at, traces: !isBegun });
      await order('release');
      expect({ at, traces: await tracesOn(small) }).toEqual({ at, traces: [] });
      await node.driver.stop();
    }
  });
});

async function pointsIn(trace: string): Promise<readonly string[]> {
  const text = await readFile(trace, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line !== '');
  const points = lines.map((line) => JSON.parse(line) as { readonly effect: string; readonly side: string });
  return points.filter(({ side }) => side !== 'during').map(({ effect }) => effect);
}
