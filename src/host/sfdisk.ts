import { isDeepStrictEqual } from 'node:util';
import { assert } from '../model/errors.ts';
import { type Gpt, type GptEntry, TABLE_ENTRIES } from '../model/gpt.ts';
import type { HostCommand } from './exec.ts';

const TIMEOUT_MS = 60_000;

/**
 * Writes the whole table, and nothing else: signatures stay, the kernel is not told, no udevd looks in between. Writes
 * and flushes backup entries, backup header, primary entries, primary header, protective MBR, in this order. An exit
 * code of 0 does not prove that every entry is there: read the table back.
 *
 * @see sfdisk(8); tried with 2.38.1
 */
export function writeTableCommand(path: string, table: Gpt): HostCommand {
  return sfdisk(path, [path], tableScript(table));
}

/**
 * The same for a table that differs from the one on the disk: sfdisk reads that one, and needs only be told of a single
 * entry that was added, changed or removed. A whole script costs it time with the square of its lines.
 */
export function changeTableCommand(path: string, from: Gpt, to: Gpt): HostCommand {
  const numbers = new Set([...from.entries, ...to.entries].map(({ number }) => number));
  const changes = [...numbers]
    .map((number) => ({ number, was: entryAt(from, number), is: entryAt(to, number) }))
    .filter(({ was, is }) => !isDeepStrictEqual(was, is));
  const [change, another] = changes;
  if (change === undefined || another !== undefined) return writeTableCommand(path, to);
  const { number, was, is } = change;
  if (is === undefined) return sfdisk(path, ['--delete', path, `${number}`]);
  const line = entryLine(is, to.sectorBytes);
  return was === undefined
    ? sfdisk(path, ['--append', path], `${number} : ${line}\n`)
    : sfdisk(path, ['-N', `${number}`, path], `${line}\n`);
}

function entryAt(table: Gpt, number: number): GptEntry | undefined {
  return table.entries.find((entry) => entry.number === number);
}

function sfdisk(path: string, args: readonly string[], input?: string): HostCommand {
  return {
    command: 'sfdisk',
    args: [
      '--no-reread',
      '--no-tell-kernel',
      '--wipe=never',
      '--wipe-partitions=never',
      '--force',
      '--quiet',
      '--lock=yes',
      ...args,
    ],
    ...(input === undefined ? {} : { input }),
    timeoutMs: TIMEOUT_MS,
    device: path,
    effect: true,
  };
}

/** sfdisk's input: sizes in sectors of the disk, one line an entry. */
export function tableScript(table: Gpt): string {
  const sectors = (bytes: bigint) => toSectors(bytes, table.sectorBytes);
  return [
    'label: gpt',
    `label-id: ${table.diskGuid}`,
    `table-length: ${TABLE_ENTRIES}`,
    'unit: sectors',
    `first-lba: ${sectors(table.firstUsableBytes)}`,
    `last-lba: ${sectors(table.usableEndBytes) - 1n}`,
    '',
    ...table.entries.map((entry) => `${entry.number} : ${entryLine(entry, table.sectorBytes)}`),
    '',
  ].join('\n');
}

/** Attributes are always named: where they are not, sfdisk keeps those that an entry has. */
function entryLine(entry: GptEntry, sectorBytes: number): string {
  assert(/^[a-z0-9:-]*$/.test(entry.name), `partition name ${JSON.stringify(entry.name)}`);
  return [
    `start=${toSectors(entry.startBytes, sectorBytes)}`,
    `size=${toSectors(entry.sizeBytes, sectorBytes)}`,
    `type=${entry.type}`,
    `uuid=${entry.uuid}`,
    `name="${entry.name}"`,
    `attrs="${attributesText(entry.attributes)}"`,
  ].join(', ');
}

const NAMED_BITS = ['RequiredPartition', 'NoBlockIOProtocol', 'LegacyBIOSBootable'] as const;
const FIRST_TYPE_BIT = 48;

/** `GUID:48,49`, as sfdisk shows and takes the bits that belong to the partition's type. */
function attributesText(attributes: bigint): string {
  const bits = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => (attributes >> BigInt(bit)) & 1n);
  const ofType = bits.filter((bit) => bit >= FIRST_TYPE_BIT);
  const named = NAMED_BITS.filter((_, bit) => bits.includes(bit));
  assert(bits.length === ofType.length + named.length, `reserved attribute bits ${bits}`);
  return [...named, ...(ofType.length === 0 ? [] : [`GUID:${ofType.join(',')}`])].join(' ');
}

function toSectors(bytes: bigint, sectorBytes: number): bigint {
  assert(bytes % BigInt(sectorBytes) === 0n, `${bytes} bytes are no whole sectors of ${sectorBytes}`);
  return bytes / BigInt(sectorBytes);
}
