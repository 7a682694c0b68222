import { describe, expect, it } from '@jest/globals';
import { present, unknown } from '../../../src/model/answer.ts';
import { type Cordon, cordonInWords, decodeCordons, encodeCordons } from '../../../src/model/cordon.ts';
import { encodeNote, type Note } from '../../../src/model/note.ts';
import { ARRAY_NOTE, NOTE } from './fixtures.ts';

/** As it stands on a disk, less the zeros behind it. */
const textOf = (note: Note): string => Buffer.from(encodeNote(note)).toString('utf8').replace(/\0*$/, '');

const since = '2026-01-02T03:04:05.678Z';
const WRITTEN = { note: NOTE, text: textOf(NOTE) };
const CORDONS: ReadonlyMap<string, Cordon> = new Map([
  ['nvme.a', { state: 'cordoned', since }],
  ['nvme.b', { state: 'releasing', since, written: WRITTEN }],
  ['loop:/a "b"', { state: 'released', since }],
]);

describe('decodeCordons()', () => {
  it('reads what encodeCordons() wrote', () => {
    expect(decodeCordons(encodeCordons(CORDONS))).toEqual(CORDONS);
    expect(decodeCordons(encodeCordons(new Map()))).toEqual(new Map());
  });

  const whole = encodeCordons(CORDONS);
  const releasing = (written: unknown) =>
    JSON.stringify({ formatVersion: 1, disks: { a: { state: 'releasing', since, written } } });
  it.each<[string, string]>([
    ['nothing', ''],
    ['half of it', whole.slice(0, whole.length / 2)],
    ['null', 'null'],
    ['a later version', whole.replace('"formatVersion": 1', '"formatVersion": 2')],
    ['a list of disks', JSON.stringify({ formatVersion: 1, disks: null })],
    ['a state that nobody knows', whole.replace('"released"', '"lent"')],
    ['a disk without its time', whole.replaceAll('"since"', '"until"')],
    ['a release without its note', releasing(undefined)],
    ['a release whose note was changed', whole.replace('pool fast', 'pool slow')],
    ['a release of an array', releasing(textOf(ARRAY_NOTE))],
  ])('knows nothing of %s', (_, text) => {
    expect(decodeCordons(text)).toBeUndefined();
  });
});

describe('cordonInWords()', () => {
  it('tells the states apart', () => {
    const words = [...CORDONS.values()].map((cordon) => cordonInWords(present(cordon)));
    expect(new Set(words).size).toBe(3);
    expect(words.every((one) => one?.includes(since))).toBe(true);
    expect(cordonInWords(unknown('cordons.json is torn'))).toContain('cordons.json is torn');
    expect(cordonInWords({ is: 'absent' })).toBeUndefined();
  });
});
