import { connect, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { addGauge, createRegistry } from '../../../src/metrics/define.ts';
import { type MetricsServer, type Scrapable, serveMetrics } from '../../../src/metrics/server.ts';

const ANY_PORT = { host: '127.0.0.1', port: 0 };

async function served<T>(
  source: Scrapable,
  use: (server: MetricsServer, told: unknown[]) => Promise<T>,
): Promise<T> {
  const told: unknown[] = [];
  const server = await serveMetrics(ANY_PORT, source, (error) => told.push(error));
  try {
    return await use(server, told);
  } finally {
    await server.stop();
  }
}

const registry = createRegistry();
addGauge(registry, { name: 'planted', help: 'Planted.', labelNames: ['word'] }).set({ word: 'a "b"\n' }, 7);

const urlOf = ({ address }: MetricsServer, path: string): string =>
  `http://${address.host}:${address.port}${path}`;

describe('serveMetrics()', () => {
  it('gives a registry as Prometheus reads it', () =>
    served(registry, async (server) => {
      const response = await fetch(urlOf(server, '/metrics?a=b'));
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
      expect(await response.text()).toBe(
        '# HELP planted Planted.\n# TYPE planted gauge\nplanted{word="a \\"b\\"\\n"} 7\n',
      );
    }));

  it.each([
    ['GET', '/', 404],
    ['GET', '/metrics/', 404],
    ['GET', '/metrics/../etc/passwd', 404],
    ['POST', '/metrics', 405],
  ])('answers %s %s by %d', (method, path, status) =>
    served(registry, async (server) => {
      const response = await fetch(urlOf(server, path), { method });
      expect(response.status).toBe(status);
      expect(await response.text()).not.toContain('planted');
    }),
  );

  it('answers 500 when nothing can be collected, tells why, and goes on', () =>
    served(
      { contentType: 'text/plain', metrics: () => Promise.reject(new Error('no disk')) },
      async (server, told) => {
        for (const _ of [1, 2]) {
          const response = await fetch(urlOf(server, '/metrics'));
          expect(response.status).toBe(500);
          expect(await response.text()).not.toContain('no disk');
        }
        expect(told).toEqual([new Error('no disk'), new Error('no disk')]);
      },
    ));

  it('stops although a scraper holds its connection', async () => {
    const server = await serveMetrics(ANY_PORT, registry, () => undefined);
    const socket: Socket = connect(server.address.port, server.address.host);
    await new Promise((resolve) => socket.once('connect', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    await server.stop();
    await closed;
    await expect(fetch(urlOf(server, '/metrics'))).rejects.toThrow();
  });

  it('says where it cannot listen', () =>
    served(registry, async ({ address }) => {
      await expect(serveMetrics(address, registry, () => undefined)).rejects.toThrow(
        `metrics: cannot listen at 127.0.0.1 port ${address.port}: listen EADDRINUSE`,
      );
    }));
});
