import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ClusterAccess, clusterOf } from '../../../src/kube/access.ts';
import { type Api, answerOf, createApi } from '../../../src/kube/client.ts';
import { ApiServer } from '../../player/api-server.ts';

const PATH = '/api/v1/nodes/node-a';
const NODE = { name: 'node-a', uid: '8f0e', labels: { 'kubernetes.io/hostname': 'alpha' } };
const GET = { method: 'GET', path: PATH } as const;

describe('clusterOf()', () => {
  it('knows a pod by the variables of the kubelet, and no cluster without them', () => {
    expect(clusterOf({ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' })).toEqual({
      host: 'fd00::1',
      port: 6443,
      folder: '/var/run/secrets/kubernetes.io/serviceaccount',
    });
    expect(clusterOf({ KUBERNETES_SERVICE_HOST: '10.96.0.1' })).toMatchObject({ port: 443 });
    expect(clusterOf({})).toBeUndefined();
  });
});

describe('answerOf()', () => {
  it('takes for an absence only what the API server itself calls NotFound', () => {
    expect(answerOf(GET, 404, '{"kind":"Status","reason":"NotFound"}')).toEqual({ is: 'absent' });
    expect(answerOf(GET, 404, '404 page not found')).toEqual({
      is: 'unknown',
      why: `GET ${PATH}: 404: 404 page not found`,
    });
  });

  it.each([
    [403, '{"message":"nodes \\"node-a\\" is forbidden"}', '403: nodes "node-a" is forbidden'],
    [500, 'null', '500: null'],
    [200, '<html>', '200, but the answer is no object: <html>'],
    [200, '{"metadata":{"name":7}}', '200, but the answer is no object: {"metadata":{"name":7}}'],
  ])('knows nothing by a %i with %s', (status, text, why) => {
    expect(answerOf(GET, status, text)).toEqual({ is: 'unknown', why: `GET ${PATH}: ${why}` });
  });

  it('reads an object without labels', () => {
    const text = '{"metadata":{"name":"node-a","uid":"8f0e"}}';
    expect(answerOf(GET, 200, text)).toEqual({ is: 'present', value: { ...NODE, labels: {} } });
  });
});

describe('createApi()', () => {
  let folder: string;
  let server: ApiServer;
  let stop: AbortController;
  let access: ClusterAccess;
  let api: Api;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'isc-kube-'));
    server = await ApiServer.start(join(folder, 'account'));
    server.put(PATH, NODE);
    stop = new AbortController();
    access = { host: '127.0.0.1', port: server.port, folder: server.folder };
    api = createApi(access, stop.signal, 500);
  });
  afterEach(async () => {
    stop.abort();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it('reads an object, and what is absent is absent', async () => {
    expect(await api(GET)).toEqual({ is: 'present', value: NODE });
    expect(await api({ method: 'GET', path: '/api/v1/nodes/node-b' })).toEqual({ is: 'absent' });
  });

  it('goes on with the new token when the kubelet has replaced it', async () => {
    await api(GET);
    await server.rotateToken('second');
    expect(await api(GET)).toMatchObject({ is: 'present' });
    expect(server.asked.map(({ token }) => token)).toEqual(['first', 'second']);
  });

  it('says what is missing when it has no token', async () => {
    await rm(join(server.folder, 'token'));
    expect(await api(GET)).toEqual({
      is: 'unknown',
      why: expect.stringMatching(/ENOENT.*account\/token/),
    });
  });

  it('trusts no server but the one of its CA', async () => {
    const other = await ApiServer.start(join(folder, 'other'));
    const deceived = createApi({ ...access, port: other.port }, stop.signal);
    expect(await deceived(GET)).toEqual({ is: 'unknown', why: expect.stringContaining('certificate') });
    expect(other.asked).toEqual([]);
    await other.close();
  });

  it('waits for no answer longer than its limit', async () => {
    server.mood = 'silent';
    expect(await api(GET)).toEqual({
      is: 'unknown',
      why: `GET ${PATH} at 127.0.0.1:${server.port}: no answer within 500 ms`,
    });
  });

  it('ends what it asks when it is told to stop', async () => {
    server.mood = 'silent';
    const patient = createApi(access, stop.signal, 600_000);
    const answer = patient(GET);
    setTimeout(() => stop.abort(), 100);
    expect(await answer).toMatchObject({ is: 'unknown' });
  });

  it('reads no endless answer', async () => {
    server.mood = { status: 200, body: 'x'.repeat(2 * 1024 ** 2) };
    expect(await api(GET)).toEqual({ is: 'unknown', why: expect.stringContaining('more than') });
  });

  it('says where nobody listens, and finds a server that has returned', async () => {
    await api(GET);
    await server.close();
    expect(await api(GET)).toEqual({
      is: 'unknown',
      why: expect.stringMatching(/^GET .* at 127.0.0.1:\d+: .*ECONNREFUSED/),
    });
    await server.open();
    expect(await api(GET)).toMatchObject({ is: 'present' });
  });

  it('asks once more when the server had closed the connection that it kept', async () => {
    await api(GET);
    server.dropNext = true;
    expect(await api(GET)).toMatchObject({ is: 'present' });
  });

  it('creates an object, and merges into it', async () => {
    const path = '/api/v1/namespaces/default/events';
    const made = await api({ method: 'POST', path, body: { metadata: { name: 'one' }, count: 1 } });
    expect(made).toMatchObject({ is: 'present', value: { name: 'one' } });
    await api({ method: 'PATCH', path: `${path}/one`, body: { count: 2 } });
    expect(server.events()).toMatchObject([{ metadata: { name: 'one' }, count: 2 }]);
  });
});
