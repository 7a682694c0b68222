import { status } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { GRPC_CODE, refusalOf } from '../../../src/csi/code.ts';
import { DriverError, ERROR_KINDS, type ErrorKind } from '../../../src/model/errors.ts';

const TABLE: readonly (readonly [ErrorKind, keyof typeof status])[] = [
  ['invalid-argument', 'INVALID_ARGUMENT'],
  ['out-of-range', 'OUT_OF_RANGE'],
  ['exhausted', 'RESOURCE_EXHAUSTED'],
  ['not-found', 'NOT_FOUND'],
  ['exists-differently', 'ALREADY_EXISTS'],
  ['busy', 'ABORTED'],
  ['in-use', 'FAILED_PRECONDITION'],
  ['not-staged', 'FAILED_PRECONDITION'],
  ['unsupported', 'FAILED_PRECONDITION'],
  ['another-node', 'FAILED_PRECONDITION'],
  ['data-loss', 'FAILED_PRECONDITION'],
  ['inaccessible', 'FAILED_PRECONDITION'],
  ['unmountable', 'FAILED_PRECONDITION'],
  ['bad-token', 'ABORTED'],
  ['not-ready', 'UNAVAILABLE'],
  ['unknown', 'UNAVAILABLE'],
  ['host-failed', 'INTERNAL'],
  ['unimplemented', 'UNIMPLEMENTED'],
  ['bug', 'INTERNAL'],
];

describe('GRPC_CODE', () => {
  it.each(TABLE)('turns %s into %s', (kind, name) => {
    expect(status[GRPC_CODE[kind]]).toBe(name);
  });

  it('is tested for every kind of error', () => {
    expect(TABLE.map(([kind]) => kind)).toEqual([...ERROR_KINDS]);
  });
});

describe('refusalOf()', () => {
  it.each(ERROR_KINDS.filter((kind) => kind !== 'bug'))('tells the words of %s', (kind) => {
    const refusal = refusalOf(new DriverError(kind, 'pool: found x, want y'));
    expect(refusal).toEqual({ code: GRPC_CODE[kind], message: 'pool: found x, want y' });
  });

  it.each([
    ['an assertion of ours', new DriverError('bug', 'entry 7 twice')],
    ['an error of the system with a number for a code', Object.assign(new Error('exit 5'), { code: 5 })],
    ['something thrown that is no error', 'text'],
    ['nothing thrown', undefined],
  ])('tells nothing of %s but one sentence, and keeps it for the log', (_, error) => {
    const refusal = refusalOf(error);
    expect(refusal.code).toBe(status.INTERNAL);
    expect(refusal.message).toMatch(/^internal error: .*log/);
    expect(refusal).toHaveProperty('bug', error);
  });

  it('says the kind when there are no words', () => {
    expect(refusalOf(new DriverError('busy', '')).message).toBe('busy');
  });

  it('cuts long words, and never in half of a surrogate pair', () => {
    const { message } = refusalOf(new DriverError('busy', `${'x'.repeat(1022)}${'😀'.repeat(100)}`));
    expect(message.length).toBeLessThanOrEqual(1024);
    expect(encodeURI(message)).toMatch(/%E2%80%A6$/);
  });
});
