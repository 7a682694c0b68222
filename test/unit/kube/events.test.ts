import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createApi } from '../../../src/kube/client.ts';
import { Events } from '../../../src/kube/events.ts';
import type { Notice } from '../../../src/model/notice.ts';
import { ApiServer } from '../../player/api-server.ts';
import { HANDLE } from '../model/fixtures.ts';

const UID = '5a1b6c1e-0d55-4c5e-9a43-1f7a0c9d2b10';
const claim = { namespace: 'shop', name: 'ledger-0', volume: `pvc-${UID}` };
const EXPANDED: Notice = { notice: 'expanded', handle: HANDLE, claim, sizeBytes: 2n * 1024n ** 3n };
const LOST: Notice = { notice: 'data-loss', handle: HANDLE, claim, reason: 'DiskWiped', message: 'gone' };
const DISK = { disk: '/dev/nvme1n1', identity: 'eui.01' };
const failed = (error: string): Notice => ({ notice: 'sanitize-failed', slice: HANDLE, ...DISK, error });
const MINUTE_MS = 60_000;

describe('Events', () => {
  let folder: string;
  let server: ApiServer;
  let stop: AbortController;
  let told: Notice[];
  let events: Events;
  let nowMs: number;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'isc-kube-'));
    server = await ApiServer.start(folder);
    stop = new AbortController();
    told = [];
    nowMs = Date.parse('2026-11-21T12:00:00Z');
    const api = createApi({ host: '127.0.0.1', port: server.port, folder }, stop.signal, 500);
    events = new Events({
      api,
      node: 'node-a',
      tell: (notice) => told.push(notice),
      clock: () => new Date(nowMs),
    });
  });
  afterEach(async () => {
    stop.abort();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  /** Until the server was asked so often, and a little longer: what comes too much is seen as well. */
  async function asked(count: number): Promise<readonly string[]> {
    while (server.asked.length < count) await sleep(5);
    await sleep(50);
    return server.asked.map(({ method, path }) => `${method} ${path.replace(/[0-9a-f]{16}$/, 'NAME')}`);
  }

  it('writes an event that describe finds at the claim', async () => {
    events.notify(EXPANDED);
    await asked(1);
    expect(server.events()).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: expect.objectContaining({ namespace: 'shop' }),
        involvedObject: {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          namespace: 'shop',
          name: 'ledger-0',
          uid: UID,
        },
        type: 'Normal',
        reason: 'Expanded',
        message: `Volume ${HANDLE} has 2 GiB now`,
        count: 1,
        firstTimestamp: '2026-11-21T12:00:00.000Z',
        lastTimestamp: '2026-11-21T12:00:00.000Z',
        source: { component: 'instance-store.csi.dev', host: 'node-a' },
        reportingComponent: 'instance-store.csi.dev',
        reportingInstance: 'node-a',
      },
    ]);
  });

  it('asks for the UID of a PersistentVolume, and of a claim whose volume does not tell it', async () => {
    server.put('/api/v1/persistentvolumes/by-hand', { uid: 'uid-of-volume' });
    server.put('/api/v1/namespaces/shop/persistentvolumeclaims/ledger-0', { uid: 'uid-of-claim' });
    events.notify({ ...LOST, claim: { ...claim, volume: 'by-hand' } });
    expect(await asked(4)).toEqual([
      'GET /api/v1/namespaces/shop/persistentvolumeclaims/ledger-0',
      'POST /api/v1/namespaces/shop/events',
      'GET /api/v1/persistentvolumes/by-hand',
      'POST /api/v1/namespaces/default/events',
    ]);
    expect(server.events().map(({ involvedObject }) => involvedObject)).toMatchObject([
      { uid: 'uid-of-claim' },
      { uid: 'uid-of-volume' },
    ]);
  });

  it('writes of an object that is gone by its name', async () => {
    events.notify(LOST);
    await asked(3);
    expect(server.events().map(({ involvedObject }) => involvedObject)).toEqual([
      expect.objectContaining({ kind: 'PersistentVolumeClaim', uid: UID }),
      { apiVersion: 'v1', kind: 'PersistentVolume', name: claim.volume },
    ]);
  });

  it('counts what comes again in the event that is there, and writes the count every five minutes', async () => {
    events.notify(failed('EIO'));
    await asked(1);
    for (const minute of [1, 2, 3, 6]) {
      nowMs = Date.parse('2026-11-21T12:00:00Z') + minute * MINUTE_MS;
      events.notify(failed('EIO'));
      await sleep(20);
    }
    expect(await asked(2)).toEqual([
      'POST /api/v1/namespaces/default/events',
      'PATCH /api/v1/namespaces/default/events/instance-store-csi.NAME',
    ]);
    expect(server.events()).toMatchObject([
      { count: 5, firstTimestamp: '2026-11-21T12:00:00.000Z', lastTimestamp: '2026-11-21T12:06:00.000Z' },
    ]);
  });

  it('makes an event anew that the API server has forgotten', async () => {
    events.notify(failed('EIO'));
    await asked(1);
    server.forgetEvents();
    nowMs += 61 * MINUTE_MS;
    events.notify(failed('EIO'));
    await asked(3);
    expect(server.events()).toMatchObject([{ count: 1 }]);
  });

  it('drops what the API server does not take, says so once, and goes on when it is back', async () => {
    server.mood = { status: 403, body: '{"message":"events is forbidden"}' };
    for (const error of ['one', 'two', 'three']) events.notify(failed(error));
    await asked(3);
    expect(told).toEqual([
      {
        notice: 'cluster-silent',
        lost: 'events',
        why: 'POST /api/v1/namespaces/default/events: 403: events is forbidden',
      },
    ]);
    server.mood = 'answers';
    events.notify(failed('four'));
    await asked(4);
    expect(server.events()).toMatchObject([{ message: expect.stringContaining('four') }]);
  });

  it('lets a hundred wait, and no more', async () => {
    for (let at = 0; at < 150; at += 1) events.notify(failed(`error ${at}`));
    await asked(100);
    expect(server.events().length).toBeLessThan(103);
    expect(told).toMatchObject([{ lost: 'events', why: expect.stringContaining('waiting') }]);
  });

  it('adds up what comes again while it waits', async () => {
    for (let at = 0; at < 5; at += 1) events.notify(failed(at === 0 ? 'first' : 'EIO'));
    await asked(2);
    expect(server.events()).toMatchObject([{ count: 1 }, { count: 4 }]);
  });
});
