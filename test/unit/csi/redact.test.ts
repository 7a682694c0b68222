import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { redact } from '../../../src/csi/redact.ts';
import { create } from './requests.ts';

describe('redact()', () => {
  it('masks the values of secrets, keeps their keys and all else', () => {
    const request = create({ secrets: { passphrase: 'hunter2' } });
    expect(redact(request)).toEqual({ ...request, secrets: { passphrase: '***' } });
    expect(request.secrets).toEqual({ passphrase: 'hunter2' });
  });

  it('leaves a request without secrets alone', () => {
    expect(redact({ volume_id: 'x' })).toEqual({ volume_id: 'x' });
  });

  it('knows every field that csi.proto marks as a secret: a map "secrets" directly in a request', () => {
    const proto = readFileSync(new URL('../../../proto/csi.proto', import.meta.url), 'utf8');
    const marked = proto.split(/^message /m).flatMap((message) => {
      const lines = message.replaceAll(/\n\s+\[/g, ' [').split('\n');
      return lines
        .filter((line) => line.includes('(csi_secret) = true'))
        .map((line) => `${message.split(' ')[0]}:${line}`);
    });
    expect(marked.length).toBeGreaterThan(15);
    for (const line of marked) expect(line).toMatch(/^\w+Request: {2}map<string, string> secrets = /);
  });
});
