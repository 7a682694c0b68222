import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  ATTR_BLOCK,
  ATTR_PREPARED,
  encodeGpt,
  type Gpt,
  type GptEntry,
  parseGpt,
  TYPE_MEMBER,
  TYPE_OWNER,
  TYPE_QUARANTINE,
  TYPE_VOLUME,
  usableRange,
} from '../../../src/model/gpt.ts';
import { uuid } from '../../../src/model/uuid.ts';
import { run } from '../../host/lab/tool.ts';

const MIB = 1024n ** 2n;
const DISK_BYTES = 400n * MIB;
const SECTOR = 512;
const END_BYTES = 64 * 1024;

const entry = (
  number: number,
  startMib: bigint,
  sizeMib: bigint,
  more: Partial<GptEntry> = {},
): GptEntry => ({
  number,
  type: TYPE_VOLUME,
  uuid: uuid(`0000abcd-0000-8000-8000-${String(number).padStart(12, '0')}`),
  startBytes: startMib * MIB,
  sizeBytes: sizeMib * MIB,
  attributes: 0n,
  name: '',
  ...more,
});

const OWNER = entry(1, 1n, 1n, { type: TYPE_OWNER, name: 'instance-store-csi' });

const TABLES: readonly { readonly what: string; readonly entries: readonly GptEntry[] }[] = [
  { what: 'no entries', entries: [] },
  { what: 'an owner', entries: [OWNER] },
  {
    what: 'every type, attributes, names beyond ASCII and a gap in the numbers',
    entries: [
      OWNER,
      entry(2, 2n, 8n, { type: TYPE_MEMBER }),
      entry(7, 20n, 5n, { attributes: ATTR_PREPARED | ATTR_BLOCK, name: 'fäst 7 €' }),
      entry(9, 10n, 3n, { type: TYPE_QUARANTINE, attributes: ATTR_BLOCK, name: 'x'.repeat(36) }),
    ],
  },
  {
    what: '255 entries',
    entries: Array.from({ length: 255 }, (_, index) => entry(index + 1, BigInt(index + 1), 1n)),
  },
];

function tableOf(entries: readonly GptEntry[]): Gpt {
  const { start, end } = usableRange(DISK_BYTES, SECTOR);
  const diskGuid = uuid('11111111-2222-4333-8444-555555555555');
  return { diskGuid, sectorBytes: SECTOR, firstUsableBytes: start, usableEndBytes: end, entries };
}

function script(table: Gpt, length: number): string {
  const sectors = (bytes: bigint) => bytes / BigInt(table.sectorBytes);
  const lines = table.entries.map(({ number, type, name, attributes, ...at }) => {
    const bits = [48, 49].filter((bit) => (attributes >> BigInt(bit)) & 1n);
    const attrs = bits.length === 0 ? '' : `, attrs="${bits.map((bit) => `GUID:${bit}`).join(' ')}"`;
    const range = `start=${sectors(at.startBytes)}, size=${sectors(at.sizeBytes)}`;
    return `disk${number} : ${range}, type=${type}, uuid=${at.uuid}${attrs}, name="${name}"`;
  });
  const header = `label: gpt\nlabel-id: ${table.diskGuid}\ntable-length: ${length}\nfirst-lba: 2048\n\n`;
  return `${header}${lines.join('\n')}\n`;
}

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'isc-gpt-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The ends of an image that sfdisk wrote. */
function writtenBySfdisk(
  table: Gpt,
  length = 256,
): Promise<{ readonly head: Buffer; readonly tail: Buffer }> {
  return inFolder(async (folder) => {
    const image = join(folder, 'disk.img');
    await writeFile(image, '');
    await truncate(image, Number(DISK_BYTES));
    await run('sfdisk', ['--quiet', image], { input: script(table, length) });
    return ends(image);
  });
}

async function ends(image: string) {
  await using file = await open(image);
  const read = async (position: number) => {
    const { buffer } = await file.read({ buffer: Buffer.alloc(END_BYTES), position });
    return buffer;
  };
  return { head: await read(0), tail: await read(Number(DISK_BYTES) - END_BYTES) };
}

function encodedEnds(table: Gpt) {
  const head = Buffer.alloc(END_BYTES);
  const tail = Buffer.alloc(END_BYTES);
  for (const { offset, bytes } of encodeGpt(table, DISK_BYTES)) {
    if (offset < DISK_BYTES / 2n) head.set(bytes, Number(offset));
    else tail.set(bytes, Number(offset - DISK_BYTES) + END_BYTES);
  }
  return { head, tail };
}

const parsed = ({ head, tail }: { readonly head: Uint8Array; readonly tail: Uint8Array }) =>
  parseGpt(head, tail, SECTOR, DISK_BYTES);

describe('encodeGpt()', () => {
  it.each(TABLES)('writes byte for byte what sfdisk writes for $what', async ({ entries }) => {
    const sfdisk = await writtenBySfdisk(tableOf(entries));
    const encoded = encodedEnds(tableOf(entries));
    expect(encoded.head.equals(sfdisk.head)).toBe(true);
    expect(encoded.tail.equals(sfdisk.tail)).toBe(true);
  });
});

describe('parseGpt()', () => {
  it.each(TABLES)('reads both copies of $what as sfdisk wrote them', async ({ entries }) => {
    const copies = parsed(await writtenBySfdisk(tableOf(entries)));
    expect(copies.protectiveMbr).toBe(true);
    expect(copies.primary).toMatchObject({ is: 'whole', table: tableOf(entries) });
    expect(copies.backup).toMatchObject({ is: 'whole', table: tableOf(entries) });
  });

  it('finds no table in zeros, in nothing and in bytes that are too short', () => {
    for (const bytes of [new Uint8Array(END_BYTES), new Uint8Array(0), new Uint8Array(20)]) {
      const none = { protectiveMbr: false, primary: { is: 'none' }, backup: { is: 'none' } };
      expect(parseGpt(bytes, bytes, SECTOR, DISK_BYTES)).toEqual(none);
    }
  });

  it('reads the backup when the primary is torn, and says that it is torn', () => {
    const { head, tail } = encodedEnds(tableOf([OWNER]));
    head[1024 + 130] = 1;
    expect(parsed({ head, tail })).toMatchObject({
      primary: { is: 'torn', why: 'checksum of the entries does not match' },
      backup: { is: 'whole' },
    });
  });

  const NONSENSE: readonly { readonly entries: readonly GptEntry[]; readonly why: string }[] = [
    { entries: [entry(1, 5n, 0n)], why: 'entry 1 ends before it begins' },
    { entries: [entry(3, 5n, -2n)], why: 'entry 3 ends before it begins' },
    { entries: [entry(2, 5n, 4000n)], why: 'entry 2 ends behind the usable range' },
    { entries: [entry(1, 0n, 2n)], why: 'entry 1 begins inside another or before the usable range' },
    { entries: [OWNER, entry(2, 1n, 1n)], why: 'entry 2 begins inside another or before the usable range' },
  ];

  it.each(NONSENSE)('refuses a table with right checksums where $why', ({ entries, why }) => {
    expect(parsed(encodedEnds(tableOf(entries))).primary).toEqual({ is: 'torn', why });
  });

  it('refuses the table of a larger disk', () => {
    const table = { ...tableOf([OWNER]), usableEndBytes: DISK_BYTES + MIB };
    expect(parsed(encodedEnds(table)).primary).toEqual({ is: 'torn', why: 'table of a larger disk' });
  });

  it('reads a table of 128 entries, which is what other tools make', async () => {
    const copies = parsed(await writtenBySfdisk(tableOf([OWNER]), 128));
    expect(copies.primary).toMatchObject({ is: 'whole', table: { entries: [OWNER] } });
    expect(copies.backup).toMatchObject({ is: 'whole', table: { entries: [OWNER] } });
  });
});
