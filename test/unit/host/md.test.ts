import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freeMdPath, readMdDevices } from '../../../src/host/md.ts';

/** A /sys of files with what Linux 6.1 shows of arrays; real arrays are in test/vm. */
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'isc-md-'));
  await mkdir(join(root, 'block/nvme1n1'), { recursive: true });
});

afterEach(() => rm(root, { recursive: true }));

async function md(name: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, 'block', name, 'md', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${text}\n`);
  }
}

describe('readMdDevices()', () => {
  it('finds none where there are disks only', async () => {
    expect(await readMdDevices(root)).toEqual([]);
  });

  it('reads a raid0, which knows neither degrees nor rebuilding', async () => {
    await md('md127', {
      array_state: 'clean',
      'dev-nvme1n1p2/state': 'in_sync',
      'dev-nvme2n1p2/state': 'in_sync',
    });
    expect(await readMdDevices(root)).toEqual([
      {
        name: 'md127',
        state: 'clean',
        parts: ['nvme1n1p2', 'nvme2n1p2'],
        failed: [],
        degraded: 0,
        sync: undefined,
      },
    ]);
  });

  it('reads a mirror that is rebuilt while another part has failed', async () => {
    await md('md126', {
      array_state: 'active',
      degraded: '1',
      sync_completed: '124928 / 1997952',
      'dev-nvme1n1p2/state': 'in_sync',
      'dev-nvme2n1p2/state': 'faulty,write_error',
      'dev-nvme3n1p2/state': 'spare',
    });
    expect(await readMdDevices(root)).toMatchObject([
      { failed: ['nvme2n1p2'], degraded: 1, sync: { doneBytes: 63963136n, ofBytes: 1022951424n } },
    ]);
  });

  it.each(['none', 'delayed', ''])('sees nothing going on where sync_completed says %j', async (words) => {
    await md('md126', { array_state: 'read-auto', sync_completed: words });
    expect(await readMdDevices(root)).toMatchObject([{ sync: undefined }]);
  });

  it('reads an array that is not running', async () => {
    await md('md127', { array_state: 'inactive', 'dev-nvme1n1p2/state': 'spare' });
    expect(await readMdDevices(root)).toMatchObject([{ state: 'inactive', parts: ['nvme1n1p2'] }]);
  });
});

describe('freeMdPath()', () => {
  it('is the highest number that the kernel does not have', async () => {
    expect(await freeMdPath(root)).toBe('/dev/md127');
    for (const name of ['md127', 'md126', 'md124']) await md(name, { array_state: 'clean' });
    expect(await freeMdPath(root)).toBe('/dev/md125');
  });
});
