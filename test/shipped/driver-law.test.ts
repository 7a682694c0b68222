import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { disk as patchedDisk, text } from '../host/foreign/bytes.ts';
import { checksum } from '../host/lab.ts';
import { TestNode } from './driver/node.ts';
import { readLog, reasonOf, type StatusJson } from './driver/seen.ts';

/** A bound for a machine under load, not a measure. */
const DIRTY_AT = 10 * 1024 ** 2;

/** Law 1 in its details: no mark, no write. */
describe('A driver that takes disks', () => {
  it('leaves one alone that was dirtied after it was judged blank and before it is taken', async () => {
    await using node = await TestNode.create();
    const device = await node.disk('dirtied');
    const path = `${await wipefsThatDirties(node, device)}:${process.env.PATH}`;
    const driver = await node.start([{ paths: [device] }], { env: { PATH: path } });
    const { disks } = await node.json<StatusJson>(['status']);
    await driver.stop();

    const words = `Cannot take ${device}: it is no longer as it was judged, now unrecognised data: byte ${DIRTY_AT} is not zero`;
    const log = await readLog(driver.logFile);
    expect(log.find(({ msg }) => msg === 'step-failed')).toMatchObject({
      step: `settle ${device}`,
      error: words,
    });
    expect(log.filter(({ msg }) => msg === 'disk-taken')).toEqual([]);
    expect(reasonOf(disks, device)).toBe('unrecognised data');
    const only = node.lab.path('only-that-byte.img');
    await patchedDisk(only, [text(DIRTY_AT, 'x')]);
    expect(await checksum(device)).toBe(await checksum(only));
  });

  it('asks exclusively for what a pool matches, once more before it takes it, and for no other disk', async () => {
    await using node = await TestNode.create();
    const [matched, unmatched] = [await node.disk('matched'), await node.disk('unmatched')];
    const driver = await node.start([{ paths: [matched] }], { logLevel: 'debug' });
    await driver.stop();
    const commands = (await readLog(driver.logFile)).flatMap(({ msg, command, args }) =>
      msg === 'host command' ? [`${command} ${args}`] : [],
    );
    const probes = commands.filter((line) => line.includes('probe.mjs') && line.includes(matched));
    const claims = probes.filter((line) => line.includes('"claim":true') || line.includes('--hold'));
    // A command is told when it ends: the second was begun before the last judgment, and ended after the table.
    expect(claims).toEqual([
      expect.stringContaining('"claim":true'),
      expect.stringContaining(`--hold,${matched}`),
    ]);
    expect(commands.findIndex((line) => line.includes('--hold'))).toBeGreaterThan(
      commands.findIndex((line) => line.startsWith('sfdisk') && line.includes(matched)),
    );
    // All that is read of the other one is where a note of ours would be.
    const others = commands.filter((line) => new RegExp(`${unmatched}(,|$)`).test(line));
    expect(new Set(others)).toEqual(new Set([expect.stringMatching(/^dd if=\S+,.*skip=1048576,count=8192/)]));
    expect(await checksum(unmatched)).toBe(
      await checksum(await node.lab.image('zeros.img', 300n * 1024n ** 2n)),
    );
  });
});

/** A wipefs that writes one byte after its second look at the device: the deep one, on which the driver plans. */
async function wipefsThatDirties(node: TestNode, device: string): Promise<string> {
  const folder = node.lab.path('bin');
  const looks = node.lab.path('looks');
  const script = [
    '#!/bin/sh',
    '/usr/sbin/wipefs "$@"',
    'code=$?',
    `case "$*" in *' ${device}')`,
    `  echo look >>${looks}`,
    `  if [ "$(wc -l <${looks})" = 2 ]; then printf x | dd of=${device} bs=1 seek=${DIRTY_AT} conv=notrunc 2>/dev/null; fi`,
    'esac',
    'exit $code',
  ];
  await mkdir(folder);
  await writeFile(`${folder}/wipefs`, `${script.join('\n')}\n`);
  await chmod(`${folder}/wipefs`, 0o755);
  return folder;
}
