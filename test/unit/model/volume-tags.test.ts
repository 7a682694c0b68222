import { describe, expect, it } from '@jest/globals';
import { MIB } from '../../../src/model/bytes.ts';
import type { LogicalVolume } from '../../../src/model/group.ts';
import {
  carvedTags,
  isDisfigured,
  preparedAs,
  quarantinedAs,
  type Retag,
  sliceOf,
} from '../../../src/model/volume-tags.ts';
import { HANDLE, OTHER_HANDLE } from './fixtures.ts';

const CARVED: LogicalVolume = {
  name: 'slice_7',
  uuid: 'me3GB0-lfsV-fpYo-YxR1-3FKb-zRwE-lQZgJt',
  sizeBytes: 100n * MIB,
  tags: carvedTags(HANDLE, 'fast'),
};

/** As LVM does it: what is dropped goes, what is added comes. */
const retagged = (volume: LogicalVolume, { drop, add }: Retag): LogicalVolume => ({
  ...volume,
  tags: [...volume.tags.filter((tag) => !drop.includes(tag)), ...add].toSorted(),
});

describe('sliceOf()', () => {
  it('reads a new volume as a slice', () => {
    expect(sliceOf(CARVED)).toEqual({
      state: 'carved',
      id: HANDLE,
      place: 'logical volume slice_7',
      pool: 'fast',
      generation: 7,
      sizeBytes: 100n * MIB,
      block: false,
    });
  });

  it.each(['mount', 'block'] as const)('knows a slice that was prepared as %s', (type) => {
    const prepared = { state: 'prepared', id: HANDLE, block: type === 'block' };
    expect(sliceOf(retagged(CARVED, preparedAs(type)))).toMatchObject(prepared);
  });

  it.each([CARVED, retagged(CARVED, preparedAs('mount')), retagged(CARVED, preparedAs('block'))])(
    'knows in quarantine nothing but pool, generation and size',
    (volume) => {
      const quarantined = retagged(volume, quarantinedAs(volume, OTHER_HANDLE));
      expect(sliceOf(quarantined)).toEqual({
        state: 'quarantine',
        id: OTHER_HANDLE,
        place: 'logical volume slice_7',
        pool: 'fast',
        generation: 7,
        sizeBytes: 100n * MIB,
        block: false,
      });
    },
  );

  it('leaves tags of others alone', () => {
    expect(sliceOf({ ...CARVED, tags: ['backup', ...CARVED.tags] })).toEqual(sliceOf(CARVED));
  });

  it.each(['slice_0', 'slice_07', 'slice_', 'slice_1_rimage_0', 'root', '[slice_1]'])(
    'takes a volume named %s for none of ours',
    (name) => {
      expect(sliceOf({ ...CARVED, name })).toBeUndefined();
      expect(isDisfigured({ ...CARVED, name })).toBe(false);
    },
  );

  it.each<[string, readonly string[]]>([
    ['no tags', []],
    ['no pool', [`isc.handle=${HANDLE}`]],
    ['a handle that is none', carvedTags('x' as typeof HANDLE, 'fast')],
    ['two handles', [...CARVED.tags, `isc.handle=${OTHER_HANDLE}`]],
    ['a handle and a quarantine', [...CARVED.tags, `isc.quarantine=${OTHER_HANDLE}`]],
    ['prepared as something else', [...CARVED.tags, 'isc.prepared=tape']],
    ['prepared in quarantine', ['isc.pool=fast', `isc.quarantine=${HANDLE}`, 'isc.prepared=mount']],
    ['a tag that a later driver may write', [...CARVED.tags, 'isc.origin=1']],
  ])('reads nothing out of a volume of ours with %s, and says so', (_, tags) => {
    expect(sliceOf({ ...CARVED, tags })).toBeUndefined();
    expect(isDisfigured({ ...CARVED, tags })).toBe(true);
  });
});
