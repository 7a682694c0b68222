import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import { noise, patch, text } from '../host/foreign/bytes.ts';
import { run } from '../host/lab/tool.ts';
import { checksum } from '../host/lab.ts';
import { TestNode } from './driver/node.ts';
import { type PlanJson, readLog, reasonOf, type StatusJson, type WhyJson } from './driver/seen.ts';
import { liveOneLife, untilServed } from './driver/session.ts';
import { eventually } from './volume/world.ts';

const MIB = 1024 ** 2;
const SIZE = 512n * 1024n ** 2n;

let node: TestNode;
let device: string;
let image: string;
/** A disk with somebody's ext4, bytes at both ends and between. */
beforeEach(async () => {
  node = await TestNode.create();
  image = await node.lab.image('theirs.img', SIZE);
  await run('mkfs.ext4', ['-q', '-F', image]);
  await patch(image, [...noise(2 * MIB, MIB), ...noise(300 * MIB, MIB), ...noise(-4 * MIB, 4 * MIB)]);
  device = await node.lab.attach(image);
});
afterEach(() => node[Symbol.asyncDispose]());

/** A pool that names the disk with the fingerprint of what may be erased. */
const permitting = (found: string) => [{ paths: [device], eraseAndTake: [{ disk: `loop:${image}`, found }] }];

async function fingerprint(): Promise<string> {
  await node.configure([{ paths: [device] }]);
  return (await node.json<WhyJson>(['why', device])).fingerprint ?? 'none';
}

describe('eraseAndTake', () => {
  it('erases and takes a disk that is named with the line that `why` prints, and nothing of what was there stays', async () => {
    await node.configure([{ paths: [device] }]);
    const { stdout } = await node.cli(['why', device]);
    const [, disk, found = ''] =
      /eraseAndTake: \[\{ disk: "(.*)", found: ([0-9a-f]{64}) \}\]/.exec(stdout) ?? [];
    expect({ disk, found }).toEqual({ disk: `loop:${image}`, found: await fingerprint() });

    await node.configure(permitting(found));
    const { steps } = await node.json<PlanJson>(['plan']);
    expect(steps).toEqual([
      {
        kind: 'eraseAndTake',
        because: 'named in eraseAndTake',
        text: expect.stringContaining(`erase ${device} and take it for pool fast`),
      },
    ]);
    const driver = await node.start(permitting(found));
    await untilServed(node.player);
    await liveOneLife(node.player);
    expect(reasonOf((await node.json<StatusJson>(['status'])).disks, device)).toBe('owned by pool fast');
    await driver.stop();
    expect((await readLog(driver.logFile)).map(({ msg }) => msg)).toContain('disk-taken');
    await node.lab.detach(device);
    expect(await isErased()).toBe(true);
  });

  it.each<readonly [string, (found: string) => Promise<string>]>([
    [
      'with a fingerprint that is wrong',
      async (found) => found.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    ],
    [
      'with that of before one byte was written',
      async (found) => patch(device, [text(40 * MIB, 'x')]).then(() => found),
    ],
    [
      'with that of before one byte at its end was written',
      async (found) => patch(image, [text(-1, 'x')]).then(() => found),
    ],
  ])('refuses a disk that is named %s, and changes no byte of it', async (_, foundNow) => {
    const named = await foundNow(await fingerprint());
    await node.lab.detach(device);
    device = await node.lab.attach(image);
    const before = await checksum(image);
    const driver = await node.start(permitting(named));
    expect(reasonOf((await node.json<StatusJson>(['status'])).disks, device)).toBe('has a signature');
    await driver.stop();
    await node.lab.detach(device);
    expect(await checksum(image)).toBe(before);
  });

  it.each([2, 4, 6, 8])(
    'is finished at the next start when it was killed at point %i, and tells meanwhile what it erases',
    async (point) => {
      const found = await fingerprint();
      const env = { INSTANCE_STORE_CSI_CRASHPOINTS: `kill:${point}` };
      const killed = await node.spawn(permitting(found), { env });
      await killed.waitForEnd();
      expect(killed.process.signalCode).toBe('SIGKILL');
      // The last words before the mark counts are a note that permits nothing any more.
      expect((await noteOf(device)).includes(`"erased": "${found}"`)).toBe(point < 8);
      expect((await node.json<PlanJson>(['plan'])).steps.map(({ kind }) => kind)).toEqual([
        point < 6 ? 'eraseAndTake' : 'take',
      ]);

      const driver = await node.start(permitting(found));
      await untilServed(node.player);
      await liveOneLife(node.player);
      await driver.stop();
      await node.lab.detach(device);
      expect(await isErased()).toBe(true);
    },
  );

  it('goes on beside the service of the other disks', async () => {
    const found = await fingerprint();
    const other = await node.disk('other', SIZE);
    const log = async () => (await readLog(node.driver.logFile)).map(({ msg }) => msg);
    // sfdisk waits for this lock before it writes the first table: the erasing cannot end.
    const lock = execa('flock', [device, 'sh', '-c', 'echo locked; cat'], { buffer: false });
    try {
      await once(lock.stdout, 'data');
      const [pool] = permitting(found);
      await node.start([{ paths: [device, other], eraseAndTake: pool?.eraseAndTake ?? [] }]);
      await liveOneLife(node.player);
      expect((await log()).filter((msg) => msg === 'disk-taken')).toHaveLength(1);
      expect(await log()).toContain('erasing');
    } finally {
      lock.stdin.end();
      await lock;
    }
    await eventually(async () => (await log()).filter((msg) => msg === 'disk-taken').length === 2);
    expect(await log()).not.toContain('step-failed');
  });

  it('that was begun is not finished when the configuration no longer permits it', async () => {
    const found = await fingerprint();
    const killed = await node.spawn(permitting(found), { env: { INSTANCE_STORE_CSI_CRASHPOINTS: 'kill:4' } });
    await killed.waitForEnd();
    const driver = await node.start([{ paths: [device] }]);
    const row = (await node.json<StatusJson>(['status'])).disks.find(({ disk }) => disk === device);
    expect(row?.verdict).toBe(`refused: damaged mark (erasing ${found} was begun and has not ended)`);
    await driver.stop();
  });
});

async function noteOf(path: string): Promise<string> {
  const bytes = await run('dd', [`if=${path}`, 'bs=1M', 'skip=1', 'count=1', 'status=none']);
  return bytes.replaceAll('\0', '');
}

/** Whether the bytes that were put there are gone, wherever they were: by pieces that nobody else can have written. */
async function isErased(): Promise<boolean> {
  const bytes = await readFile(image);
  const theirs = [...noise(0, MIB)].map(({ bytes: piece }) => Buffer.from(piece.subarray(0, 4096)));
  const ext4Magic = bytes.readUInt16LE(1080) === 0xef53;
  return !ext4Magic && theirs.every((piece) => !bytes.includes(piece));
}
