import { describe, expect, it } from '@jest/globals';
import { merged, STORAGE_STATUS, VOLUME_STATUS } from '../../../src/csi/health.ts';
import { pageOf, parsePageToken } from '../../../src/csi/page.ts';
import { socketPath } from '../../../src/csi/socket.ts';
import { demandOwn } from '../../../src/csi/topology.ts';
import type { Health } from '../../../src/model/volume.ts';
import { refusal } from './refusal.ts';

const handles = (digits: string): { handle: string }[] =>
  [...digits].map((digit) => ({ handle: `${digit.repeat(8)}-0000-8000-8000-000000000000` }));

describe('pages of ListVolumes', () => {
  const shown = (all: { handle: string }[], token: string, max: number) => {
    const { entries, nextToken } = pageOf(all, parsePageToken(token), max);
    return { digits: entries.map(({ handle }) => handle[0]).join(''), nextToken };
  };

  it('are one without a limit', () => {
    expect(shown(handles('12345'), '', 0)).toEqual({ digits: '12345', nextToken: '' });
    expect(shown(handles('12'), '', 2)).toEqual({ digits: '12', nextToken: '' });
    expect(shown([], '', 1)).toEqual({ digits: '', nextToken: '' });
  });

  it('go on behind the last volume, also when it is gone and others have come', () => {
    const first = shown(handles('2468'), '', 2);
    expect(first.digits).toBe('24');
    expect(shown(handles('2468'), first.nextToken, 2)).toEqual({ digits: '68', nextToken: '' });
    expect(shown(handles('12568'), first.nextToken, 2).digits).toBe('56');
  });

  it.each(['invalid-token', '0', handles('1')[0]?.handle ?? '', 'after-', 'after-x'])(
    'refuse the token %j',
    (token) => {
      expect(refusal(() => parsePageToken(token))).toMatch(/^bad-token: starting_token: found/);
    },
  );
});

describe('demandOwn()', () => {
  const own = { 'kubernetes.io/hostname': 'node-a' };
  const at = (...names: string[]) => names.map((name) => ({ segments: { 'kubernetes.io/hostname': name } }));

  it('takes no requirement, one with this node in it, and preferences for others', () => {
    demandOwn(null, own);
    demandOwn({ requisite: at('node-b', 'node-a'), preferred: at('node-b') }, own);
    demandOwn({ requisite: [], preferred: at('node-b') }, own);
  });

  it.each([
    ['other nodes', at('node-b', 'node-c')],
    ['a key that we do not have', [{ segments: { ...own, zone: 'z' } }]],
  ])('leaves %s to others', (_, requisite) => {
    const words = refusal(() => demandOwn({ requisite, preferred: [] }, own));
    expect(words).toMatch(
      /^exhausted: accessibility_requirements.requisite: found .*want this node, kubernetes.io\/hostname=node-a$/,
    );
  });
});

describe('merged() health', () => {
  const away = (message: string): Health => ({ status: 'INACCESSIBLE', reason: 'DiskAway', message });
  const lost: Health = { status: 'DATA_LOSS', reason: 'SliceLost', message: 'c' };

  it('has one entry for a status and reason, as CSI demands', () => {
    expect(merged([away('a'), lost, away('b')], VOLUME_STATUS)).toEqual([away('a; b'), lost]);
  });

  it('speaks of storage in the two words that CSI has for it', () => {
    const [first, second] = merged([lost, { ...lost, status: 'DEGRADED' }], STORAGE_STATUS);
    expect([first?.status, second?.status]).toEqual(['STORAGE_UNREACHABLE', 'STORAGE_DEGRADED']);
  });
});

describe('socketPath()', () => {
  it('takes an absolute path', () => {
    expect(socketPath('unix:///run/csi.sock')).toBe('/run/csi.sock');
  });

  it.each([
    '',
    '/run/csi.sock',
    'unix://run/csi.sock',
    'unix:/run/csi.sock',
    'tcp://0.0.0.0:1',
    'unix:///',
    'unix:///a\n',
    'unix:///a/',
  ])('refuses the endpoint %j', (endpoint) => {
    expect(refusal(() => socketPath(endpoint))).toMatch(
      /^invalid-argument: endpoint: found .*want unix:\/\/\/absolute\/path/,
    );
  });

  it('refuses a path that the kernel would cut', () => {
    expect(refusal(() => socketPath(`unix:///${'x'.repeat(107)}`))).toMatch(
      /^invalid-argument: endpoint: .*108 bytes/,
    );
  });
});
