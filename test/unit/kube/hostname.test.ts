import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NO_CRASHPOINTS } from '../../../src/host/crashpoint.ts';
import { createDurable } from '../../../src/host/durable.ts';
import { createApi } from '../../../src/kube/client.ts';
import { Hostname, hostnameBy } from '../../../src/kube/hostname.ts';
import { ABSENT, present, unknown } from '../../../src/model/answer.ts';
import type { Notice } from '../../../src/model/notice.ts';
import { ApiServer } from '../../player/api-server.ts';

const PATH = '/api/v1/nodes/node-a';
const SILENCE = unknown('no answer');

describe('hostnameBy()', () => {
  it.each([
    ['the label before what was known', present('alpha'), 'beta', { hostname: 'alpha', from: 'label' }],
    ['what was known while nobody answers', SILENCE, 'beta', { hostname: 'beta', from: 'state directory' }],
    ['what was known where the label is gone', ABSENT, 'beta', { hostname: 'beta', from: 'state directory' }],
    ['the name where no label ever was', ABSENT, undefined, { hostname: 'node-a', from: 'node name' }],
    ['nothing when nobody ever told', SILENCE, undefined, undefined],
  ] as const)('takes %s', (_, label, known, told) => {
    expect(hostnameBy(label, known, 'node-a')).toEqual(told);
  });
});

describe('Hostname', () => {
  let folder: string;
  let server: ApiServer;
  let stop: AbortController;
  let told: Notice[];
  let ended: Promise<string | undefined>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'isc-kube-'));
    server = await ApiServer.start(join(folder, 'account'));
    stop = new AbortController();
    told = [];
  });
  afterEach(async () => {
    stop.abort();
    expect(await ended).toBeUndefined();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const label = (hostname?: string) =>
    server.put(PATH, { uid: '8f0e', labels: hostname && { 'kubernetes.io/hostname': hostname } });
  const kept = () => JSON.parse(readFileSync(join(folder, 'hostname.json'), 'utf8'));
  const keep = (value: unknown) => writeFileSync(join(folder, 'hostname.json'), JSON.stringify(value));

  function watched(): Hostname {
    const hostname = new Hostname({
      api: createApi({ host: '127.0.0.1', port: server.port, folder: server.folder }, stop.signal, 1_000),
      node: 'node-a',
      stateDir: folder,
      notify: (notice) => told.push(notice),
      pace: { toldMs: 20, retryMs: 10, retryMsMax: 40 },
    });
    ended = hostname.watch(createDurable(NO_CRASHPOINTS), stop.signal);
    return hostname;
  }

  async function askedTimes(count: number): Promise<void> {
    while (server.asked.length < count) await sleep(5);
  }

  /** Once it is known. */
  async function known(hostname: Hostname): Promise<string> {
    for (;;) {
      try {
        return hostname.current();
      } catch {
        await sleep(5);
      }
    }
  }

  it('refuses to guess before it was told, and says that it asks', () => {
    label('alpha');
    expect(() => watched().current()).toThrow(
      'The label kubernetes.io/hostname of node node-a is not known: it is being asked for',
    );
  });

  it('serves the label and keeps it', async () => {
    label('alpha');
    expect(await known(watched())).toBe('alpha');
    expect(kept()).toEqual({ node: 'node-a', hostname: 'alpha' });
    expect(told).toEqual([{ notice: 'hostname', hostname: 'alpha', from: 'label' }]);
  });

  it('serves the name of a node without the label, as the kubelet would write it', async () => {
    label();
    expect(await known(watched())).toBe('node-a');
  });

  it('knows nothing of a node that the cluster does not have', async () => {
    const hostname = watched();
    await askedTimes(3);
    expect(() => hostname.current()).toThrow('the cluster has no node of this name');
  });

  it('serves what was kept while the API server is away, and tells the silence once', async () => {
    keep({ node: 'node-a', hostname: 'alpha' });
    server.mood = { status: 503, body: 'starting' };
    expect(await known(watched())).toBe('alpha');
    await askedTimes(4);
    expect(told).toEqual([
      { notice: 'cluster-silent', lost: 'hostname label', why: `GET ${PATH}: 503: starting` },
      { notice: 'hostname', hostname: 'alpha', from: 'state directory' },
    ]);
  });

  it.each([[{ node: 'node-b', hostname: 'beta' }], [{ node: 'node-a', hostname: 7 }], [null], ['']])(
    'takes nothing from a kept %j',
    async (value) => {
      keep(value);
      server.mood = { status: 503, body: 'starting' };
      const hostname = watched();
      await askedTimes(3);
      expect(() => hostname.current()).toThrow('503: starting');
      server.mood = 'answers';
      label('alpha');
      expect(await known(hostname)).toBe('alpha');
    },
  );

  it('goes on with the label that it serves when the label is taken away', async () => {
    label('alpha');
    const hostname = watched();
    await askedTimes(3);
    label();
    await askedTimes(6);
    expect(hostname.current()).toBe('alpha');
    expect(kept()).toMatchObject({ hostname: 'alpha' });
  });

  describe('when the label turns out to be another', () => {
    afterEach(() => {
      ended = Promise.resolve(undefined);
    });

    it('ends in words, still serving what it served, and has kept the new one', async () => {
      label('alpha');
      const hostname = watched();
      await known(hostname);
      label('beta');
      expect(await ended).toMatch(/hostname of node node-a is "beta" now, and "alpha" was served: ending/);
      expect(hostname.current()).toBe('alpha');
      expect(kept()).toMatchObject({ hostname: 'beta' });
    });

    it('ends too when what it served was kept from an earlier process', async () => {
      keep({ node: 'node-a', hostname: 'alpha' });
      await server.close();
      const hostname = watched();
      expect(await known(hostname)).toBe('alpha');
      label('beta');
      await server.open();
      expect(await ended).toMatch(/"beta" now, and "alpha" was served/);
    });
  });

  it('serves on when the state directory takes no file, and says so', async () => {
    label('alpha');
    mkdirSync(join(folder, 'hostname.json.tmp'));
    expect(await known(watched())).toBe('alpha');
    expect(told).toContainEqual({
      notice: 'step-failed',
      step: 'keep the hostname label',
      error: expect.stringContaining('hostname.json'),
    });
  });
});
