import { open, readFile, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import { readLoops } from '../lab/cleanup.ts';
import { TOOL_ENV } from '../lab/tool.ts';
import { checksum, Lab } from '../lab.ts';
import { FOREIGN, type ForeignKind, missingTool } from './gallery.ts';
import { isFree } from './occupied.ts';

const MIB = 1024 * 1024;

type Runnable = { readonly kind: ForeignKind; readonly test: typeof it.skip; readonly note: string };

async function runnable(kind: ForeignKind): Promise<Runnable> {
  const missing = await missingTool(kind);
  return missing === undefined
    ? { kind, test: it, note: '' }
    : { kind, test: it.skip, note: ` NOT RUN: ${missing} is not installed` };
}

const kinds = await Promise.all(FOREIGN.map(runnable));

describe('FOREIGN', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.create();
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  it('has at least 30 kinds, each with a name of its own', () => {
    expect(FOREIGN.length).toBeGreaterThanOrEqual(30);
    expect(new Set(FOREIGN.map(({ name }) => name)).size).toBe(FOREIGN.length);
  });

  for (const { kind, test, note } of kinds) {
    test(`makes ${kind.name}, which blkid shows as ${kind.shows}${note}`, async () => {
      const image = lab.path(`${kind.name}.img`);
      await kind.make(image);
      expect(await blkid(image)).toContain(kind.shows);
      if (kind.occupy === undefined) expect(await hasByteAtTheEnds(image)).toBe(true);
      await rm(image);
    });
  }

  for (const { kind, test, note } of kinds) {
    const { occupy } = kind;
    if (occupy === undefined) continue;
    test(`makes ${kind.name} for as long as it is occupied, and changes no byte${note}`, async () => {
      const image = lab.path(`${kind.name}.img`);
      await kind.make(image);
      const device = await lab.attach(image);
      const before = await checksum(device);
      const holds = SITUATIONS[kind.want[0] ?? ''];

      expect(await holds?.(device)).toBe(false);
      const occupation = await occupy(device);
      expect(await holds?.(device)).toBe(true);
      await occupation.release();
      expect(await holds?.(device)).toBe(false);

      expect(await isFree(device)).toBe(true);
      await lab.detach(device);
      expect(await checksum(image)).toBe(before);
      await rm(image);
    });
  }
});

/** What the kernel says when the situation of a live kind holds, by the reason it should be refused with. */
const SITUATIONS: Readonly<Record<string, (device: string) => Promise<boolean>>> = {
  // Nothing else may explain it: a mount in another namespace is seen by O_EXCL alone.
  busy: async (device) => !(await isFree(device)) && !(await isMounted(device)),
  mounted: isMounted,
  swap: async (device) => (await readFile('/proc/swaps', 'utf8')).includes(`${device} `),
  'holds another device': async (device) => (await readLoops()).some(({ backing }) => backing === device),
  'duplicate identity': async (device) => {
    const loops = await readLoops();
    const own = loops.find(({ name }) => name === basename(device));
    return loops.filter(({ backing }) => backing === own?.backing).length === 2;
  },
  'read-only': async (device) => (await readFile(`/sys/block/${basename(device)}/ro`, 'utf8')).trim() === '1',
};

async function isMounted(device: string): Promise<boolean> {
  return new RegExp(` ${device}(p1)? `).test(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** The lines of `blkid -p`, or the name of its way of printing none. */
async function blkid(image: string): Promise<readonly string[]> {
  const result = await execa('blkid', ['-p', '-o', 'export', image], {
    env: TOOL_ENV,
    reject: false,
    timeout: 10_000,
  });
  switch (result.exitCode) {
    case 0:
      return result.stdout.split('\n');
    case 2:
      return ['silent'];
    case 8:
      return ['ambivalent'];
    default:
      throw new Error(`blkid failed: ${result.shortMessage}`);
  }
}

/** The gallery must not ask for more than law 1 promises: the first 64 MiB and the last 4 MiB are read whole. */
async function hasByteAtTheEnds(image: string): Promise<boolean> {
  const file = await open(image, 'r');
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(4 * MIB);
    const zero = Buffer.alloc(4 * MIB);
    for (const at of [...Array.from({ length: 16 }, (_, index) => index * 4 * MIB), size - 4 * MIB]) {
      await file.read(buffer, 0, buffer.length, at);
      if (!buffer.equals(zero)) return true;
    }
    return false;
  } finally {
    await file.close();
  }
}
