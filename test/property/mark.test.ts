import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodeGpt, type GptRegion } from '../../src/model/gpt.ts';
import { firstTable, readMark } from '../../src/model/mark.ts';
import { bytesWith, DISK, NOTE, noteWrite, SELF, sectorWrites } from '../unit/model/fixtures.ts';
import { anyDisk, anyDiskBytes, anyGptOf } from './arbitraries.ts';

/** A power cut: the regions before `region` are written, and of its sectors any, as a drive may write them in any order. */
const anyCut = fc.record({ region: fc.nat(4), written: fc.func(fc.boolean()) });

function cutOf(
  regions: readonly GptRegion[],
  { region, written }: { readonly region: number; readonly written: (at: number) => boolean },
) {
  const partly = sectorWrites(regions.slice(region, region + 1), 512).filter((_write, at) => written(at));
  return [...regions.slice(0, region), ...partly];
}

describe('readMark()', () => {
  it('finds a first table that was cut short unfinished or ours, whichever sectors of a region were written', () => {
    const regions = encodeGpt(firstTable(NOTE), DISK.sizeBytes);
    fc.assert(
      fc.property(anyCut, (cut) => {
        const reading = readMark(
          bytesWith(DISK.sizeBytes, [noteWrite(NOTE), ...cutOf(regions, cut)]),
          DISK,
          SELF,
        );
        expect(['unfinished', 'ours']).toContain(reading.is);
        if (reading.is === 'ours') expect(reading.mark.table).toEqual(firstTable(NOTE));
      }),
    );
  });

  it('finds a change that was cut short old or new, whichever sectors of a region were written', () => {
    fc.assert(
      fc.property(anyGptOf(NOTE), anyGptOf(NOTE), anyCut, (from, to, cut) => {
        const before = [noteWrite(NOTE), ...encodeGpt(from, DISK.sizeBytes)];
        const after = cutOf(encodeGpt(to, DISK.sizeBytes), cut);
        const reading = readMark(bytesWith(DISK.sizeBytes, [...before, ...after]), DISK, SELF);
        if (reading.is !== 'ours') throw new Error(`${reading.is} after a cut`);
        expect([from.entries, to.entries]).toContainEqual(reading.mark.table.entries);
      }),
    );
  });

  it('survives anything on a disk, and says the same twice', () => {
    fc.assert(
      fc.property(anyDisk, anyDiskBytes, (disk, bytes) => {
        expect(readMark(bytes, disk, SELF)).toEqual(readMark(bytes, disk, SELF));
      }),
    );
  });
});
