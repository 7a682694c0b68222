import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readPartition } from '../../src/host/sysfs.ts';
import { MIB } from '../../src/model/bytes.ts';
import {
  ATTR_BLOCK,
  ATTR_PREPARED,
  encodeGpt,
  type Gpt,
  type GptEntry,
  parseGpt,
  TYPE_VOLUME,
} from '../../src/model/gpt.ts';
import { firstTable } from '../../src/model/mark.ts';
import { encodeNote, NOTE_OFFSET, type Note } from '../../src/model/note.ts';
import { quarantined, withAddedEntry } from '../../src/model/slice.ts';
import { type Uuid, uuid } from '../../src/model/uuid.ts';
import { Lab } from '../host/lab.ts';
import { call } from '../player/client.ts';
import { Driver } from '../player/driver.ts';

const DISK_BYTES = 80n * MIB;
const END_BYTES = 64 * 1024;
/** What a disk writes whole, at least; a power cut is between two of them. */
const BLOCK_BYTES = 4096;
const NODE = 'node-torn';
/** A score of disks to read deeply, on a busy machine. */
const READY_TIMEOUT_MS = 180_000;
const CONTENT = Buffer.alloc(64 * 1024, 'a row of the tenant ');

/** A disk on which a table is being replaced: what lies there when the first `cut` blocks of it are written. */
type Torn = {
  readonly name: string;
  readonly device: string;
  readonly image: string;
  readonly note: Note;
  readonly before: Gpt | undefined;
  readonly after: Gpt;
};

const id = (n: number): Uuid => uuid(`00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`);

const slice = (number: number, handle: Uuid, startMib: bigint): GptEntry => ({
  number,
  type: TYPE_VOLUME,
  uuid: handle,
  startBytes: startMib * MIB,
  sizeBytes: 8n * MIB,
  attributes: ATTR_PREPARED | ATTR_BLOCK,
  name: `torn:${number}`,
});

function noteFor(image: string, n: number): Note {
  return {
    formatVersion: 1,
    driver: 'instance-store.csi.dev',
    node: NODE,
    machine: NODE,
    pool: 'torn',
    mark: id(0x1000 + n),
    ownerPartition: id(0x2000 + n),
    disk: `loop:${image}`,
    diskBytes: DISK_BYTES,
    sectorBytes: 512,
    array: 'none',
    carving: 'partition',
    members: [`loop:${image}`],
    takenAt: '2026-01-01T00:00:00.000Z',
    erased: undefined,
  };
}

type Write = { readonly offset: bigint; readonly bytes: Uint8Array };

/** The blocks in which sfdisk's five writes reach the disk, in their order; those that change nothing are left out. */
function writesOf(before: Gpt | undefined, after: Gpt): readonly (readonly Write[])[] {
  const old = before === undefined ? [] : encodeGpt(before, DISK_BYTES);
  const writes = encodeGpt(after, DISK_BYTES).flatMap(({ offset, bytes }, region) =>
    Array.from({ length: Math.ceil(bytes.length / BLOCK_BYTES) }, (_, at) => {
      const start = at * BLOCK_BYTES;
      const block = bytes.subarray(start, start + BLOCK_BYTES);
      const was = old[region]?.bytes.subarray(start, start + BLOCK_BYTES) ?? new Uint8Array(block.length);
      return Buffer.compare(block, was) === 0 ? [] : [{ offset: offset + BigInt(start), bytes: block }];
    }).flat(),
  );
  return [...writes.keys(), writes.length].map((cut) => writes.slice(0, cut));
}

type Case = {
  readonly name: string;
  readonly before: (note: Note, n: number) => Gpt | undefined;
  readonly after: (note: Note, n: number) => Gpt;
};

const handles = (n: number) => [id(0x10000 + n), id(0x20000 + n), id(0x30000 + n)] as const;

function twoSlices(note: Note, n: number): Gpt {
  const [kept, other] = handles(n);
  return withAddedEntry(withAddedEntry(firstTable(note), slice(2, kept, 4n)), slice(3, other, 16n));
}

const CASES: readonly Case[] = [
  { name: 'the first table', before: () => undefined, after: (note) => firstTable(note) },
  {
    name: 'one more slice',
    before: twoSlices,
    after: (note, n) => withAddedEntry(twoSlices(note, n), slice(4, handles(n)[2], 32n)),
  },
  {
    name: 'a slice into quarantine',
    before: twoSlices,
    after: (note, n) => quarantined(twoSlices(note, n), 3, id(0x40000 + n)),
  },
];

/** A disk for every prefix of every case; numbers, and with them marks and handles, are each one's own. */
async function tornDisks(lab: Lab): Promise<readonly Torn[]> {
  const disks: Torn[] = [];
  for (const { name, before, after } of CASES) {
    const prefixes = writesOf(before(noteFor('', 0), 0), after(noteFor('', 0), 0)).length;
    for (let cut = 0; cut < prefixes; cut += 1) {
      const n = disks.length;
      const image = await lab.image(`disk-${n}.img`, DISK_BYTES);
      const note = noteFor(image, n);
      const tables = { before: before(note, n), after: after(note, n) };
      await write(image, note, tables, cut);
      const device = await lab.attach(image);
      disks.push({
        name: `${name}, cut after ${cut} of ${prefixes - 1} blocks`,
        device,
        image,
        note,
        ...tables,
      });
    }
  }
  return disks;
}

async function write(
  image: string,
  note: Note,
  { before, after }: Pick<Torn, 'before' | 'after'>,
  cut: number,
): Promise<void> {
  const file = await open(image, 'r+');
  const put = ({ offset, bytes }: Write) => file.write(bytes, 0, bytes.length, Number(offset));
  await put({ offset: NOTE_OFFSET, bytes: encodeNote(note) });
  for (const region of before === undefined ? [] : encodeGpt(before, DISK_BYTES)) await put(region);
  for (const entry of before?.entries.slice(1) ?? []) await put({ offset: entry.startBytes, bytes: CONTENT });
  for (const block of writesOf(before, after)[cut] ?? []) await put(block);
  await file.close();
}

async function readTable(device: string) {
  const file = await open(device, 'r');
  try {
    const read = async (at: number) => (await file.read(Buffer.alloc(END_BYTES), 0, END_BYTES, at)).buffer;
    return parseGpt(await read(0), await read(Number(DISK_BYTES) - END_BYTES), 512, DISK_BYTES);
  } finally {
    await file.close();
  }
}

async function contentAt(device: string, entry: GptEntry): Promise<Buffer> {
  const file = await open(device, 'r');
  try {
    const bytes = Buffer.alloc(CONTENT.length);
    await file.read(bytes, 0, bytes.length, Number(entry.startBytes));
    return bytes;
  } finally {
    await file.close();
  }
}

async function startDriver(lab: Lab, disks: readonly Torn[]): Promise<Driver> {
  const match = disks.map(({ device }) => ({ path: device }));
  const pools = [{ name: 'torn', disks: { match, minSize: '64Mi' }, sanitize: 'none' }];
  const config = { apiVersion: 'instance-store.csi.dev/v1alpha1', kind: 'DriverConfiguration', pools };
  const folder = lab.path('driver');
  const driver = await Driver.spawn({ folder, config: JSON.stringify(config), node: NODE, machine: NODE });
  await driver.ready(READY_TIMEOUT_MS);
  return driver;
}

/** The tables that may be there afterwards: the old one, or the new one; a quarantined slice may be freed already. */
function allowedTables({ note, before, after }: Torn): readonly Gpt[] {
  const freed = { ...after, entries: after.entries.filter(({ uuid: one }) => !one.includes('-00000004')) };
  return [...(before === undefined ? [firstTable(note)] : [before]), after, freed];
}

async function expectWhole(torn: Torn): Promise<void> {
  const found = await readTable(torn.device);
  const table = found.primary.is === 'whole' ? found.primary.table : undefined;
  const what = {
    disk: torn.name,
    mbr: found.protectiveMbr,
    primary: found.primary.is,
    backup: found.backup.is,
  };
  expect(what).toEqual({ disk: torn.name, mbr: true, primary: 'whole', backup: 'whole' });
  expect(found.backup).toMatchObject({ table });
  expect(allowedTables(torn)).toContainEqual(table);
  for (const entry of table?.entries ?? []) {
    const { startBytes, sizeBytes } = entry;
    const shown = await readPartition(basename(torn.device), entry.number);
    expect([torn.name, shown]).toMatchObject([
      torn.name,
      { is: 'present', value: { startBytes, sizeBytes } },
    ]);
  }
}

describe('a table of which a power cut left a part', () => {
  it('is finished or undone at the next start, both copies whole, the volumes served and their bytes there', async () => {
    await using lab = await Lab.create();
    const disks = await tornDisks(lab);
    const driver = await startDriver(lab, disks);
    try {
      const { controller } = driver.client;
      const { entries } = await call(controller, controller.ListVolumes, {});
      const served = entries.map(({ volume }) => volume?.volume_id);
      for (const torn of disks) {
        await expectWhole(torn);
        const kept = torn.before?.entries[1];
        if (kept === undefined) continue;
        expect(served).toContain(kept.uuid);
        expect([torn.name, await contentAt(torn.device, kept)]).toEqual([torn.name, CONTENT]);
      }
    } finally {
      await driver.stop();
    }
  });
});
