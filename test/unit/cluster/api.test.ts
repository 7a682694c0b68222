import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ApiException } from '@kubernetes/client-node';
import { answerOf, connectApi, inWords, metadataIn, succeeded } from '../../../src/cluster/api.ts';

const NOT_FOUND = '{"kind":"Status","reason":"NotFound","message":"nodes \\"a\\" not found"}';
const refused = (code: number, body: unknown): Promise<never> =>
  Promise.reject(new ApiException(code, 'Unknown API Status Code!', body, {}));

describe('connectApi()', () => {
  it('names itself in each request, as audit logs show it', async () => {
    const agents: (string | undefined)[] = [];
    const server = createServer(({ headers }, response) => {
      agents.push(headers['user-agent']);
      response.setHeader('Content-Type', 'application/json').end('{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
    try {
      const kubeconfig = join(folder, 'config');
      await writeFile(kubeconfig, JSON.stringify(kubeconfigOf((server.address() as AddressInfo).port)));
      await connectApi(kubeconfig, {}).storage.listCSINode();
      expect(agents).toEqual(['instance-store-csi-controller']);
    } finally {
      await rm(folder, { recursive: true });
      server.closeAllConnections();
      server.close();
    }
  });
});

function kubeconfigOf(port: number): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [
      { name: 'test', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } },
    ],
    users: [{ name: 'test', user: {} }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  };
}

describe('answerOf()', () => {
  it('takes for an absence only what the API server itself calls NotFound', async () => {
    expect(await answerOf(Promise.resolve(7))).toEqual({ is: 'present', value: 7 });
    expect(await answerOf(refused(404, NOT_FOUND))).toEqual({ is: 'absent' });
  });

  it.each([
    [404, '<html>404 page not found</html>'],
    [403, '{"reason":"Forbidden","message":"no"}'],
    [500, undefined],
  ])('throws after a %i with %s', async (code, body) => {
    await expect(answerOf(refused(code, body))).rejects.toThrow(ApiException);
  });
});

describe('succeeded()', () => {
  it.each([404, 409, 422])('is false after a %i: the object is not as it was read', async (code) => {
    expect(await succeeded(refused(code, '{}'))).toBe(false);
  });

  it('throws whatever else is wrong', async () => {
    expect(await succeeded(Promise.resolve())).toBe(true);
    await expect(succeeded(refused(403, '{}'))).rejects.toThrow(ApiException);
    await expect(succeeded(Promise.reject(new TypeError('fetch failed')))).rejects.toThrow(TypeError);
  });
});

describe('inWords()', () => {
  const cause = new Error('connect ECONNREFUSED');
  it.each([
    [new ApiException(404, '', NOT_FOUND, {}), 'HTTP 404: nodes "a" not found'],
    [new ApiException(502, '', '<html>', {}), 'HTTP 502: <html>'],
    [new TypeError('fetch failed', { cause }), 'fetch failed: connect ECONNREFUSED'],
    ['odd', 'odd'],
  ])('of %s', (error, words) => {
    expect(inWords(error)).toBe(words);
  });
});

describe('metadataIn()', () => {
  it('reads an empty list, which the API server writes as null', () => {
    expect(metadataIn({ items: null })).toEqual([]);
    expect(metadataIn({ items: [{ metadata: { name: 'a' } }, {}] })).toEqual([{ name: 'a' }]);
  });
});
