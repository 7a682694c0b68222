import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Made } from '../../../player/player.ts';

/** What a tenant writes and expects: every sector names its volume, its chunk and itself. */

const SECTOR_BYTES = 512;
const CHUNK_BYTES = 128 * 1024;
const PIECE_BYTES = 1024 ** 2;

/** A file of its own in a filesystem, a range of its own on a device; on the medium when it resolves. */
export async function writeChunk({ id, wanted }: Made, path: string, chunk: number): Promise<void> {
  const bytes = chunkOf(id, chunk);
  if (wanted.access === 'block') {
    await using device = await open(path, constants.O_WRONLY);
    await device.write(bytes, 0, bytes.length, chunk * CHUNK_BYTES);
    return device.sync();
  }
  const name = fileOf(path, chunk);
  await using file = await open(name, constants.O_WRONLY | constants.O_CREAT);
  await file.write(bytes);
  await file.sync();
  await using folder = await open(dirname(name), constants.O_RDONLY | constants.O_DIRECTORY);
  await folder.sync();
}

/** @throws when one that was answered is not there as it was written */
export async function expectChunk({ id, wanted }: Made, path: string, chunk: number): Promise<void> {
  const isBlock = wanted.access === 'block';
  const name = isBlock ? path : fileOf(path, chunk);
  await using file = await open(name, constants.O_RDONLY);
  const { buffer } = await file.read(
    Buffer.alloc(CHUNK_BYTES),
    0,
    CHUNK_BYTES,
    isBlock ? chunk * CHUNK_BYTES : 0,
  );
  const wantedBytes = chunkOf(id, chunk);
  if (buffer.equals(wantedBytes)) return;
  const at = buffer.findIndex((byte, offset) => byte !== wantedBytes[offset]);
  throw new Error(`${name}: byte ${at} of chunk ${chunk}, which was answered, is not as it was written`);
}

/**
 * Law 7 on a raw device: its tenant's own bytes or zeros, in each sector.
 * @returns how many bytes the device has
 */
export async function expectOwnOrZeros({ id }: Made, path: string): Promise<bigint> {
  await using device = await open(path, constants.O_RDONLY);
  for (let at = 0; ; at += PIECE_BYTES) {
    const { bytesRead, buffer } = await device.read(Buffer.alloc(PIECE_BYTES), 0, PIECE_BYTES, at);
    for (let sector = 0; sector < bytesRead; sector += SECTOR_BYTES)
      expectSector(id, path, at + sector, buffer.subarray(sector, sector + SECTOR_BYTES));
    if (bytesRead < PIECE_BYTES) return BigInt(at + bytesRead);
  }
}

const ZEROS = Buffer.alloc(SECTOR_BYTES);

function expectSector(id: string, path: string, at: number, found: Buffer): void {
  if (found.equals(ZEROS)) return;
  const chunk = Math.floor(at / CHUNK_BYTES);
  if (found.equals(sectorOf(id, chunk, (at % CHUNK_BYTES) / SECTOR_BYTES))) return;
  const words = found.toString('latin1').slice(0, 80);
  throw new Error(`${path}: byte ${at} is neither zero nor of volume ${id}: ${JSON.stringify(words)}`);
}

const fileOf = (mount: string, chunk: number): string => join(mount, `chunk-${chunk}`);

function chunkOf(id: string, chunk: number): Buffer {
  const sectors = Array.from({ length: CHUNK_BYTES / SECTOR_BYTES }, (_, at) => sectorOf(id, chunk, at));
  return Buffer.concat(sectors);
}

function sectorOf(id: string, chunk: number, at: number): Buffer {
  return Buffer.alloc(SECTOR_BYTES, `volume ${id} chunk ${chunk} sector ${at}. `);
}
