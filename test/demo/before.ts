import { mkdir, writeFile } from 'node:fs/promises';
import { formatBytes, GIB } from '../../src/model/bytes.ts';
import { NOTE_BYTES_MAX, NOTE_OFFSET } from '../../src/model/note.ts';
import { run } from '../host/lab/tool.ts';
import { BLANK_BYTES, configuration, type DemoDisk, makeDisks } from './disks.ts';
import { commandsIn } from './driver-log.ts';
import { readTable } from './facts.ts';
import { columns } from './page.ts';
import { expect, type Play, rangeOf, timed } from './play.ts';

/** What comes before the first volume: disks, what the driver thinks of them, and their taking. */

export async function setUpDisks(play: Play): Promise<readonly DemoDisk[]> {
  let disks: readonly DemoDisk[] = [];
  await play.step('disks', async () => {
    const [made, tookMs] = await timed(() => makeDisks(play.lab));
    disks = made;
    await mkdir(play.driverPath(''));
    await writeFile(play.driverPath('config.yaml'), configuration(disks));
    const asked = `${disks.length} loop disks made, all of them named in the pool "demo"`;
    return {
      asked,
      happened: columns(disks.map(({ path, sizeBytes, what }) => [path, formatBytes(sizeBytes), what])),
      tookMs,
    };
  });
  return disks;
}

type Status = {
  readonly pools: readonly { readonly pool: string; readonly freeBytes: string }[];
  readonly disks: readonly { readonly disk: string; readonly verdict: string }[];
};

export async function tellVerdicts(play: Play, disks: readonly DemoDisk[]): Promise<void> {
  await play.step('verdicts', async () => {
    const [status, tookMs] = await timed(async () => (await play.ask('status')) as Status);
    const verdictOf = (path: string) => status.disks.find(({ disk }) => disk === path)?.verdict ?? 'not seen';
    for (const { path, foreign } of disks) {
      const verdict = verdictOf(path);
      if (!verdict.startsWith(foreign ? 'refused' : 'blank'))
        throw new Error(`the verdict on ${path} is "${verdict}", want ${foreign ? 'refused' : 'blank'}`);
    }
    const others = status.disks.filter(({ disk }) => disks.every(({ path }) => path !== disk));
    const rows = columns(disks.map(({ path }) => [path, verdictOf(path)]));
    return {
      asked: 'instance-store-csi status, with no driver running yet',
      happened: [
        ...rows,
        `and ${others.length} more of this machine: ${reasonsOf(others.map(({ verdict }) => verdict))}`,
      ],
      tookMs,
    };
  });
  const [refused] = disks.filter(({ foreign }) => foreign);
  if (refused !== undefined) await tellWhy(play, refused);
}

/** `1 refused (root disk)`; the machine's own disks are counted, not named. */
function reasonsOf(verdicts: readonly string[]): string {
  const reasons = verdicts.map((verdict) => verdict.replace(/ \(.*$/, '').replace(/^refused: /, ''));
  const counted = [...new Set(reasons)].map(
    (reason) => `${reasons.filter((other) => other === reason).length} refused (${reason})`,
  );
  return counted.join(', ') || 'none';
}

type Why = {
  readonly findings: readonly { readonly reason: string; readonly detail: string }[];
  readonly fingerprint?: string;
};

async function tellWhy(play: Play, { path }: DemoDisk): Promise<void> {
  await play.step('why', async () => {
    const [why, tookMs] = await timed(async () => (await play.ask('why', path)) as Why);
    const reasons = why.findings.map(
      ({ reason, detail }, at) => `${at === 0 ? 'because' : 'also   '}  ${reason}: ${detail}`,
    );
    const erase = `to erase it all the same, name it in eraseAndTake with its fingerprint ${why.fingerprint?.slice(0, 16)}…`;
    return { asked: `instance-store-csi why ${path}`, happened: [...reasons, erase], tookMs };
  });
}

/** @returns the capacity that two whole disks of ours have */
export async function takeDisks(play: Play, disks: readonly DemoDisk[]): Promise<bigint> {
  let availableBytes = 0n;
  await play.step('take', async () => {
    const [, tookMs] = await timed(() => play.startDriver(configuration(disks)));
    const lines = await play.log.fresh();
    const blank = disks.filter(({ foreign }) => !foreign);
    const facts = await Promise.all(blank.map(ownedFacts));
    ({ availableBytes } = await play.player.capacity());
    expect(
      'the capacity in whole GiB',
      availableBytes / GIB,
      (BLANK_BYTES / GIB) * BigInt(blank.length) - 1n,
    );
    return {
      asked: `the driver started as process ${play.driver.process.pid}; ready when it has taken what is blank`,
      happened: [
        ...columns(facts.flat()),
        `GetCapacity: ${availableBytes} bytes (${formatBytes(availableBytes)}); ${commandsIn(lines)}`,
      ],
      tookMs,
    };
  });
  return availableBytes;
}

/** What a person finds on a disk of ours with Debian's tools alone. */
async function ownedFacts({ path }: DemoDisk): Promise<readonly (readonly string[])[]> {
  const { id, partitions } = await readTable(path);
  const [owner] = partitions;
  if (owner === undefined) throw new Error(`${path} has no partition, want the owner's`);
  expect(`the first partition of ${path}`, owner.type, 'OWNER');
  const block = [`skip=${NOTE_OFFSET}`, `count=${NOTE_BYTES_MAX}`];
  const note = await run('dd', [`if=${path}`, 'iflag=skip_bytes,count_bytes', ...block, 'status=none']);
  const said = note.split('\n')[1] ?? '';
  if (!said.includes('pool demo')) throw new Error(`the note on ${path} says ${JSON.stringify(said)}`);
  return [
    [path, `GPT ${id}, OWNER: ${rangeOf(owner)}`],
    ['', `"${said}"`],
  ];
}
