import { describe, expect, it } from '@jest/globals';
import { MIB } from '../../../src/model/bytes.ts';
import {
  freeExtents,
  type Group,
  groupName,
  isOurMapping,
  type LogicalVolume,
  mappingUuid,
  nextGeneration,
  pickRuns,
  placeVolume,
  VOLUMES_MAX,
  volumeName,
} from '../../../src/model/group.ts';
import { HANDLE } from './fixtures.ts';

const volume = (name: string): LogicalVolume => ({
  name,
  uuid: 'me3GB0-lfsV-fpYo-YxR1-3FKb-zRwE-lQZgJt',
  sizeBytes: MIB,
  tags: [],
});
const run = (start: bigint, count: bigint) => ({ start, count });

const GROUP: Group = {
  uuid: 'XOU2nC-QASR-alIe-wACE-FXI4-iRBY-xO18T7',
  seqno: 1n,
  extentBytes: MIB,
  dataStartBytes: 4n * MIB,
  extents: 1000n,
  volumes: [],
  free: [run(0n, 10n), run(20n, 30n), run(100n, 5n), run(200n, 20n)],
};
const FULL: Group = { ...GROUP, volumes: Array.from({ length: VOLUMES_MAX }, (_, at) => volume(`a${at}`)) };

const wish = (requiredBytes: bigint, limitBytes?: bigint) => ({
  handle: HANDLE,
  pool: 'fast',
  size: { requiredBytes, limitBytes },
  minimumBytes: 1n,
});

describe('names', () => {
  it('are computed from the mark, and known again in device mapper', () => {
    expect(groupName(HANDLE)).toBe(`isc_${HANDLE.replaceAll('-', '')}`);
    expect(isOurMapping(`${groupName(HANDLE)}-slice_1`)).toBe(true);
    expect(isOurMapping('vg-root')).toBe(false);
  });

  it('of a mapping are as LVM makes them', () => {
    expect(mappingUuid(GROUP, volume('slice_1'))).toBe(
      'LVM-XOU2nCQASRalIewACEFXI4iRBYxO18T7me3GB0lfsVfpYoYxR13FKbzRwElQZgJt',
    );
  });

  it('go on above the highest generation, whoever else is there', () => {
    const volumes = ['slice_3', 'slice_12', 'slice_x', 'root99'].map(volume);
    expect(nextGeneration({ ...GROUP, volumes })).toBe(13);
    expect(nextGeneration(GROUP)).toBe(1);
    expect(nextGeneration({ ...GROUP, volumes: [volume(volumeName(12))] })).toBe(13);
  });
});

describe('pickRuns()', () => {
  it.each([
    ['the smallest run that has all', 4n, [run(100n, 4n)]],
    ['a whole run', 20n, [run(200n, 20n)]],
    ['the largest ones where none has all', 55n, [run(20n, 30n), run(200n, 20n), run(0n, 5n)]],
    ['all there is', 65n, [run(20n, 30n), run(200n, 20n), run(0n, 10n), run(100n, 5n)]],
  ])('takes %s', (_, count, picked) => {
    expect(pickRuns(GROUP.free, count)).toEqual(picked);
  });

  it('takes nothing where there is less', () => {
    expect(pickRuns(GROUP.free, 66n)).toBeUndefined();
  });
});

describe('placeVolume()', () => {
  it('gives a volume whole extents', () => {
    expect(placeVolume(GROUP, wish(4n * MIB + 1n))).toEqual([run(100n, 5n)]);
  });

  it('gives none where no whole extents are within the limit', () => {
    expect(placeVolume(GROUP, wish(4n * MIB + 1n, 5n * MIB - 1n))).toBeUndefined();
  });

  it('gives none where there is no room, or too many volumes', () => {
    expect(placeVolume(GROUP, wish(66n * MIB))).toBeUndefined();
    expect(placeVolume(FULL, wish(MIB))).toBeUndefined();
    expect(freeExtents(FULL)).toBe(0n);
    expect(freeExtents(GROUP)).toBe(65n);
  });
});
