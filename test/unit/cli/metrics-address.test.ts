import { describe, expect, it } from '@jest/globals';
import { metricsAddressOf } from '../../../src/cli/metrics-address.ts';

describe('metricsAddressOf()', () => {
  it.each([
    ['10.0.0.7:8080', '10.0.0.7', 8080],
    ['localhost:0', 'localhost', 0],
    ['[fd00::7]:8080', 'fd00::7', 8080],
    ['[::]:65535', '::', 65535],
    // What `[$(POD_IP)]:8080` becomes in a cluster of IPv4.
    ['[10.0.0.7]:8080', '10.0.0.7', 8080],
  ])('reads %s', (text, host, port) => {
    expect(metricsAddressOf(text)).toEqual({ host, port });
  });

  it('is undefined when nothing was given: then nothing is served', () => {
    expect(metricsAddressOf(undefined)).toBeUndefined();
  });

  it.each([
    '',
    '8080',
    ':8080',
    '10.0.0.7',
    '10.0.0.7:',
    '10.0.0.7:http',
    '10.0.0.7:65536',
    'fd00::7:8080',
    '[fd00::7]',
    '[host]:8080',
    'http://10.0.0.7:8080',
    '10.0.0.7:8080/metrics',
    '10.0.0.7:8080\n',
  ])('refuses %j, and says what is wanted', (text) => {
    expect(() => metricsAddressOf(text)).toThrow(`--metrics-address is "${text}", want HOST:PORT`);
  });
});
