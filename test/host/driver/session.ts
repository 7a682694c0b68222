import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Made, Player, Wanted } from '../../player/player.ts';

const MIB = 1024n ** 2n;
const SANITIZE_TIMEOUT_MS = 20_000;

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
  await untilMoreThan(availableBytes, async () => (await player.capacity(parameters)).availableBytes);
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

async function untilMoreThan(usedBytes: bigint, freeBytes: () => Promise<bigint>): Promise<void> {
  const deadline = Date.now() + SANITIZE_TIMEOUT_MS;
  while ((await freeBytes()) <= usedBytes) {
    if (Date.now() > deadline) throw new Error(`no space came back within ${SANITIZE_TIMEOUT_MS} ms`);
    await sleep(20);
  }
}
