import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createApi, createListPage } from '../../../src/kube/client.ts';
import { findPersistentVolume } from '../../../src/kube/persistent-volumes.ts';
import { DRIVER_NAME } from '../../../src/model/pool.ts';
import { ApiServer } from '../../player/api-server.ts';

const COLLECTION = '/api/v1/persistentvolumes';
const HANDLE = '8f0e1c52-9a0b-8c3d-9e4f-112233445566';

describe('findPersistentVolume()', () => {
  let folder: string;
  let server: ApiServer;
  let stop: AbortController;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'isc-pv-'));
    server = await ApiServer.start(join(folder, 'account'));
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await server.close();
    await rm(folder, { recursive: true });
  });

  const put = (name: string, csi?: object): void =>
    server.put(`${COLLECTION}/${name}`, { uid: `uid-${name}` }, { spec: csi === undefined ? {} : { csi } });

  const find = (name: string | undefined) => {
    const access = { host: '127.0.0.1', port: server.port, folder: server.folder };
    const [api, list] = [createApi(access, stop.signal, 2_000), createListPage(access, stop.signal, 2_000)];
    return findPersistentVolume(api, list, HANDLE, name);
  };

  it('asks for the one of the volume’s own name, and for no other when it is there', async () => {
    put('pvc-1', { driver: DRIVER_NAME, volumeHandle: HANDLE });
    expect(await find('pvc-1')).toMatchObject({ is: 'present' });
    expect(server.asked.map(({ path }) => path)).toEqual([`${COLLECTION}/pvc-1`]);
  });

  it.each(['pvc-1', undefined])(
    'finds one of another name, on whatever page, for a volume called %s',
    async (name) => {
      for (let number = 0; number < 150; number += 1) put(`other-${number}`);
      put('by-hand', { driver: DRIVER_NAME, volumeHandle: HANDLE });
      expect(await find(name)).toMatchObject({ is: 'present' });
    },
  );

  it('is absent when nobody bears the handle: not another handle, not another driver’s', async () => {
    for (let number = 0; number < 150; number += 1) put(`other-${number}`);
    put('theirs', { driver: 'other.example.com', volumeHandle: HANDLE });
    put('sibling', { driver: DRIVER_NAME, volumeHandle: 'another' });
    expect(await find('pvc-1')).toEqual({ is: 'absent' });
    expect(server.asked).toHaveLength(3);
  });

  it.each([
    [403, '{"message":"forbidden"}', '403: forbidden'],
    [200, '{}', 'the answer is no list'],
  ])('is unknown after a %i with %s', async (status, body, why) => {
    server.mood = { status, body };
    expect(await find(undefined)).toMatchObject({ is: 'unknown', why: expect.stringContaining(why) });
    expect(await find('pvc-1')).toMatchObject({ is: 'unknown' });
  });

  it('is unknown when the API server is away', async () => {
    await server.close();
    expect(await find('pvc-1')).toMatchObject({ is: 'unknown' });
  });
});
