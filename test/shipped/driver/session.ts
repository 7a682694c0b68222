import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Made, Player, Wanted } from '../../player/player.ts';

const MIB = 1024n ** 2n;
/** A bound for a machine under load, not a measure. */
const SPACE_TIMEOUT_MS = 120_000;

/** A small filesystem volume. */
export const SMALL: Wanted = { name: 'pvc-small', sizeBytes: 300n * MIB, access: 'xfs' };

/** Create, stage, publish. */
export async function bringUp(player: Player, wanted: Wanted = SMALL): Promise<Made> {
  const made = await player.create(wanted);
  await player.stage(made);
  await player.publish(made);
  return made;
}

/** Unpublish, unstage, delete, and wait until the space is free again. */
export async function takeDown(player: Player, made: Made): Promise<void> {
  const parameters = made.wanted.parameters ?? {};
  const { availableBytes } = await player.capacity(parameters);
  await player.unpublish(made);
  await player.unstage(made);
  await player.delete(made.id);
  await untilMoreThan(availableBytes, player, parameters);
}

/** Erasing goes on beside the serving: waits until the first disk has space. */
export async function untilServed(player: Player): Promise<void> {
  await untilMoreThan(0n, player, {});
}

/** The whole life of one volume: written to, grown while it is mounted, read back, deleted, sanitized. */
export async function liveOneLife(player: Player): Promise<void> {
  const made = await bringUp(player);
  const file = join(player.targetPath(made), 'ledger.txt');
  await writeFile(file, 'the only copy\n');
  await player.expand(made, made.sizeBytes + 100n * MIB);
  if ((await readFile(file, 'utf8')) !== 'the only copy\n') throw new Error(`${file} reads back otherwise`);
  await takeDown(player, made);
}

async function untilMoreThan(
  usedBytes: bigint,
  player: Player,
  parameters: Wanted['parameters'],
): Promise<void> {
  const deadline = Date.now() + SPACE_TIMEOUT_MS;
  while ((await player.capacity(parameters)).availableBytes <= usedBytes) {
    if (Date.now() > deadline) throw new Error(`no space within ${SPACE_TIMEOUT_MS} ms`);
    await sleep(20);
  }
}
