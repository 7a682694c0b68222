import { formatBytes } from '../../src/model/bytes.ts';
import { checksum } from '../host/lab.ts';
import type { DemoDisk } from './disks.ts';
import { commandsIn, type Line } from './driver-log.ts';
import { mountLine, readTable } from './facts.ts';
import type { Volume } from './life.ts';
import { columns, shownMs } from './page.ts';
import { expect, type Play, rangeOf, timed } from './play.ts';

/** A volume's end: the way back, the sanitizing, and what is as it was. */

const SANITIZE_TIMEOUT_MS = 120_000;

export async function takeDown(play: Play, { made }: Volume): Promise<void> {
  const paths = [play.player.targetPath(made), play.player.stagingPath(made)] as const;
  await play.step('unpublish', async () => {
    const { tookMs, commands } = await play.call('NodeUnpublishVolume', () => play.player.unpublish(made));
    expect('the mount of the pod', await mountLine(paths[0]), undefined);
    return { asked: 'NodeUnpublishVolume', happened: [`the pod's mount is gone; ${commands}`], tookMs };
  });
  await play.step('unstage', async () => {
    const { tookMs, commands } = await play.call('NodeUnstageVolume', () => play.player.unstage(made));
    expect('the staging mount', await mountLine(paths[1]), undefined);
    return { asked: 'NodeUnstageVolume', happened: [`the staging mount is gone; ${commands}`], tookMs };
  });
}

/** Deletes, and follows the sanitizing in the driver's log until the slice is free. */
export async function deleteAndSanitize(play: Play, volume: Volume): Promise<void> {
  const seen = await deleteVolume(play, volume);
  await play.step('sanitize', async () => {
    const ended = ({ msg }: Line): boolean => msg === 'sanitized' || msg === 'sanitize-failed';
    const more = seen.some(ended) ? [] : await play.log.until(ended, SANITIZE_TIMEOUT_MS, play.signal);
    const lines = [...seen, ...more];
    const end = lines.find(ended);
    expect('the end of sanitizing', end?.msg, 'sanitized');
    const { partitions } = await readTable(volume.disk);
    expect(
      `partition ${volume.number} of ${volume.disk}`,
      partitions.find(({ number }) => number === volume.number)?.type,
      undefined,
    );
    const [begun] = lines.filter(({ msg }) => msg === 'sanitizing');
    const happened = [
      ...progressIn(lines, String(begun?.time)),
      `read back as zeros, then the entry is freed: ${volume.disk} has ${partitions.length} partition again`,
      commandsIn(lines.slice(lines.findIndex(({ msg }) => msg === 'sanitizing'))),
    ];
    return {
      asked: 'zeros over all of it, in the background after DeleteVolume answered',
      happened,
      tookMs: Number(end?.durationMs),
    };
  });
}

async function deleteVolume(play: Play, { made, disk, number }: Volume): Promise<readonly Line[]> {
  const seen: Line[] = [];
  await play.step('delete', async () => {
    const { tookMs, commands, lines } = await play.call('DeleteVolume', () => play.player.delete(made.id));
    seen.push(...lines);
    const { partitions } = await readTable(disk);
    const entry = partitions.find((one) => one.number === number);
    expect('an entry with the handle', partitions.find(({ uuid }) => uuid === made.id)?.number, undefined);
    // A quick disk may have been sanitized and the entry freed since the answer.
    expect('the entry', entry?.type ?? 'QUARANTINE', 'QUARANTINE');
    const happened = [
      entry === undefined ? `partition ${number} is free already` : `${disk}: ${rangeOf(entry)}, QUARANTINE`,
      ...(entry === undefined ? [] : [`a new random PARTUUID ${entry.uuid}: nobody's handle finds it`]),
      commands,
    ];
    return { asked: 'DeleteVolume', happened, tookMs };
  });
  return seen;
}

/** `33 %  1 of 3 GiB  after 14 ms`, one line for each step that the driver logged. */
function progressIn(lines: readonly Line[], begunAt: string): readonly string[] {
  return lines
    .filter(({ msg }) => msg === 'sanitizing')
    .map((line) => {
      const [done, of] = [BigInt(String(line.doneBytes)), BigInt(String(line.ofBytes))];
      const percent = String((done * 100n) / of).padStart(3);
      const afterMs = Date.parse(String(line.time)) - Date.parse(begunAt);
      return `${percent} %  ${formatBytes(done).padStart(5)} of ${formatBytes(of)}  after ${shownMs(afterMs)}`;
    });
}

export async function capacityBack(play: Play, before: bigint): Promise<void> {
  await play.step('capacity', async () => {
    const [{ availableBytes }, tookMs] = await timed(() => play.player.capacity());
    expect('the capacity in bytes', availableBytes, before);
    const happened = [
      `${availableBytes} bytes (${formatBytes(availableBytes)}), to the byte what it was before the volume`,
    ];
    return { asked: 'GetCapacity', happened, tookMs };
  });
}

export async function foreignUntouched(play: Play, disks: readonly DemoDisk[]): Promise<void> {
  await play.step('foreign', async () => {
    const foreign = disks.filter((disk) => disk.foreign);
    const [now, tookMs] = await timed(() => Promise.all(foreign.map(({ path }) => checksum(path))));
    for (const [at, { path, checksum: before }] of foreign.entries())
      expect(`the checksum of ${path}`, now[at], before);
    return {
      asked: "the whole of the others' disks, compared with before the driver came",
      happened: columns(
        foreign.map(({ path, checksum: before }) => [path, `unchanged, checksum ${before.slice(0, 32)}…`]),
      ),
      tookMs,
    };
  });
}
