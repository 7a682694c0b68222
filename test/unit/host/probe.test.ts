import { describe, expect, it } from '@jest/globals';
import { probeCommand, probeProgram } from '../../../src/host/probe.ts';

describe('probeProgram()', () => {
  it('lies beside the bundle, or is the source when that runs', () => {
    expect(probeProgram('file:///opt/dist/node.mjs')).toBe('/opt/dist/probe.mjs');
    expect(probeProgram('file:///repo/src/host/probe.ts')).toBe('/repo/src/host/probe-child.ts');
  });
});

describe('probeCommand()', () => {
  it('gives sampling and fingerprints more time, and names the device', () => {
    const timeoutOf = (sample: boolean, fingerprint: boolean) =>
      probeCommand('/dev/sdb', { sample, fingerprint, claim: false }).timeoutMs;
    expect(timeoutOf(false, false)).toBe(20_000);
    expect(timeoutOf(true, false)).toBe(120_000);
    expect(timeoutOf(false, true)).toBe(120_000);
    expect(probeCommand('/dev/sdb', { sample: true, fingerprint: false, claim: true })).toMatchObject({
      command: process.execPath,
      device: '/dev/sdb',
    });
  });
});
