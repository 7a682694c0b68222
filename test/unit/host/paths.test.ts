import { describe, expect, it } from '@jest/globals';
import { checkPath } from '../../../src/host/paths.ts';

describe('checkPath()', () => {
  it.each(['/a/..b/c.', `/${'a'.repeat(4095)}`])('passes %s', (path) => {
    expect(() => checkPath('target_path', path)).not.toThrow();
  });

  it.each([
    ['', 'is empty'],
    ['a/b', 'is not absolute'],
    ['/', 'has an empty component'],
    ['/a//b', 'has an empty component'],
    ['/a/', 'has an empty component'],
    ['/a/../b', 'has a "." or ".."'],
    ['/a/.', 'has a "." or ".."'],
    ['/a\nb', 'has a control character'],
    ['/a\u0000', 'has a control character'],
    [`/${'ä'.repeat(2048)}`, 'is longer than 4096 bytes'],
  ])('refuses %j', (path, words) => {
    const refusal = { kind: 'invalid-argument', message: expect.stringMatching(/^target_path: found "/) };
    expect(() => checkPath('target_path', path)).toThrow(expect.objectContaining(refusal));
    expect(() => checkPath('target_path', path)).toThrow(words);
  });
});
