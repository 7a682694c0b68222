import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { probe } from '../../../src/host/probe-child.ts';

const KIB = 1024n;
const MIB = 1024n * KIB;
const DISK_BYTES = 3n * 1024n * MIB;
const SAMPLE = { sample: true, fingerprint: false, claim: true };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isc-probe-'));
});

afterEach(() => rm(folder, { recursive: true }));

/** A sparse file with single bytes that are not zero. */
async function image(sizeBytes: bigint, ...dirty: readonly bigint[]): Promise<string> {
  const path = join(folder, `${dirty.join('-')}.img`);
  await using file = await open(path, 'w');
  await file.truncate(Number(sizeBytes));
  for (const at of dirty) await file.write(Buffer.from([1]), 0, 1, Number(at));
  return path;
}

type Row = { readonly what: string; readonly at: bigint; readonly found: boolean };

const ROWS: readonly Row[] = [
  { what: 'the last byte of the head, which the caller judges', at: 64n * KIB - 1n, found: false },
  { what: 'the first byte behind the head', at: 64n * KIB, found: true },
  { what: 'the last byte of the first MiB', at: MIB - 1n, found: true },
  { what: 'the first byte of the note, which the caller judges', at: MIB, found: false },
  { what: 'the last byte of the note', at: MIB + 8n * KIB - 1n, found: false },
  { what: 'the first byte behind the note', at: MIB + 8n * KIB, found: true },
  { what: 'the last byte of the first 64 MiB', at: 64n * MIB - 1n, found: true },
  { what: 'the first byte of the last 4 MiB', at: DISK_BYTES - 4n * MIB, found: true },
  { what: 'the last byte before the tail', at: DISK_BYTES - 64n * KIB - 1n, found: true },
  { what: 'the tail, which the caller judges', at: DISK_BYTES - 64n * KIB, found: false },
  { what: 'the last byte', at: DISK_BYTES - 1n, found: false },
  { what: 'a sample in the middle', at: (DISK_BYTES / 255n) * 128n, found: true },
  { what: 'the middle between two samples', at: (DISK_BYTES / 255n) * 128n + MIB, found: false },
];

describe('probe()', () => {
  it.each(ROWS)('has found $found for $what', async ({ at, found }) => {
    const report = probe(await image(DISK_BYTES, at), SAMPLE);
    expect(report.dirtyAt).toBe(found ? at.toString() : 'none');
  });

  it('tells the first of several', async () => {
    const report = probe(await image(DISK_BYTES, 0n, DISK_BYTES - 4n * MIB, 40n * MIB, 30n * MIB), SAMPLE);
    expect(report.dirtyAt).toBe((30n * MIB).toString());
  });

  it('hands over head, note and tail', async () => {
    const report = probe(await image(DISK_BYTES, 5n, MIB + 6n, DISK_BYTES - 1n), SAMPLE);
    const [head, note, tail] = [report.head, report.note, report.tail].map((text) =>
      Buffer.from(text, 'base64'),
    );
    expect([head?.length, note?.length, tail?.length]).toEqual([65536, 65536, 65536]);
    expect([head?.[5], note?.[6], tail?.[65535]]).toEqual([1, 1, 1]);
    expect(report).toMatchObject({ exclusive: 'free', sizeBytes: DISK_BYTES.toString(), dirtyAt: 'none' });
  });

  it('does not sample unless asked', async () => {
    const report = probe(await image(DISK_BYTES, 70n * KIB), {
      sample: false,
      fingerprint: false,
      claim: true,
    });
    expect(report).toMatchObject({ dirtyAt: 'unsampled' });
    expect(report.fingerprint).toBeUndefined();
  });

  it.each([0n, 512n, 64n * KIB, MIB, MIB + 4n * KIB, 2n * MIB, 5n * MIB, 68n * MIB])(
    'reads a disk of %p bytes',
    async (sizeBytes) => {
      const report = probe(await image(sizeBytes), { sample: true, fingerprint: true, claim: true });
      const behind = sizeBytes > MIB ? sizeBytes - MIB : 0n;
      expect(Buffer.from(report.head, 'base64').length).toBe(Math.min(65536, Number(sizeBytes)));
      expect(Buffer.from(report.note, 'base64').length).toBe(Math.min(65536, Number(behind)));
      expect(report.dirtyAt).toBe('none');
    },
  );

  it('makes a fingerprint of the size and of every byte that it reads, the skipped ones too', async () => {
    const of = async (sizeBytes: bigint, ...dirty: readonly bigint[]) =>
      probe(await image(sizeBytes, ...dirty), { sample: false, fingerprint: true, claim: true }).fingerprint;
    const prints = [
      await of(DISK_BYTES),
      await of(DISK_BYTES + 512n),
      await of(DISK_BYTES, 5n),
      await of(DISK_BYTES, MIB + 6n),
      await of(DISK_BYTES, 50n * MIB),
      await of(DISK_BYTES, 50n * MIB, DISK_BYTES - 4n * MIB),
      await of(DISK_BYTES, 50n * MIB, DISK_BYTES - 1n),
    ];
    expect(new Set(prints).size).toBe(prints.length);
    expect(await of(DISK_BYTES)).toBe(prints[0]);
    expect(prints[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  it('refuses what is neither a disk nor a file', () => {
    expect(() => probe(folder, SAMPLE)).toThrow('neither a block device nor a file');
  });
});
