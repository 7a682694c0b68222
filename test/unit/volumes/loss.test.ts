import { describe, expect, it } from '@jest/globals';
import type { RecordedArray, VolumeRecord } from '../../../src/model/record.ts';
import { viewArrays } from '../../../src/pools/arrays.ts';
import type { Look, Looked } from '../../../src/pools/look.ts';
import { explainLoss } from '../../../src/volumes/loss.ts';
import { HANDLE, NOTE } from '../model/fixtures.ts';
import { blank, disk, lookAt, looked, member, poolOf, refused, UUID } from '../pools/arrays.ts';

const R0 = poolOf('raid0', 2);

const recordOn = (array: RecordedArray): VolumeRecord => ({
  formatVersion: 1,
  state: 'committed',
  handle: HANDLE,
  name: 'pvc-1',
  pool: 'fast',
  requiredBytes: undefined,
  limitBytes: undefined,
  capabilities: [],
  mkfsOptions: [],
  mark: UUID,
  generation: 1,
  sizeBytes: 1n,
  disk: `md:${UUID}`,
  slot: '/sys/devices/virtual/block/md127',
  array,
  createdAt: '2026-01-02T03:04:05.678Z',
  claim: undefined,
});

const RAID0 = recordOn({
  level: 'raid0',
  members: ['a', 'b'].map((one) => ({ disk: one, slot: `/slot/${one}` })),
});
const RAID1 = recordOn({
  level: 'raid1',
  members: ['a', 'b'].map((one) => ({ disk: one, slot: `/slot/${one}` })),
});

function toldOf(record: VolumeRecord | undefined, look: Look): string {
  const arrays = viewArrays(look, () => true);
  const { kind, reason, message } = explainLoss(HANDLE, UUID, record, {
    disks: look.disks,
    arrays,
    unreadWhy: undefined,
  });
  return `${kind} ${reason}: ${message.replaceAll(UUID, 'X').replaceAll(HANDLE, 'H')}`;
}

/** Another disk in the place of one. */
const inSlotOf = (one: string): Looked => blank('z', R0, { sysPath: `/slot/${one}` });
const taken = (identity: string): Looked =>
  looked(disk(identity), {
    is: 'owned',
    mark: {
      note: NOTE,
      table: { diskGuid: NOTE.mark, sectorBytes: 512, firstUsableBytes: 0n, usableEndBytes: 0n, entries: [] },
      torn: 'none',
    },
  });

describe('explainLoss() of a volume on an array', () => {
  it.each<[string, VolumeRecord | undefined, readonly Looked[], RegExp]>([
    [
      'names the member that is missing',
      RAID0,
      [member('a', 'ab', { made: true })],
      /^data-loss MemberMissing: Volume H: its array md:X cannot be read, 1 of 2 members missing: b;/,
    ],
    [
      'names it without a record, too',
      undefined,
      [member('a', 'ab', { made: true })],
      /^data-loss MemberMissing: .* missing: b;/,
    ],
    [
      'loses nothing while the array is about to be assembled',
      RAID0,
      [member('a', 'ab', { made: true }), member('b', 'ab', { made: true })],
      /^inaccessible DiskRefused: Volume H: its array md:X is not served: about to be served/,
    ],
    ['loses nothing while all are away', RAID0, [], /^inaccessible DiskAway: .* array md:X are not here/],
    [
      'does not blame whatever else is called md127',
      RAID0,
      [blank('z', R0, { sysPath: RAID0.slot })],
      /^inaccessible DiskAway/,
    ],
    [
      'loses a raid0 of which one member is blank',
      RAID0,
      [blank('a', R0)],
      /^data-loss DiskWiped: .* a has lost its mark/,
    ],
    ['loses a raid0 of which one member was taken anew', RAID0, [taken('a')], /^data-loss DiskWiped/],
    [
      'loses a raid0 of which one member is another disk now',
      RAID0,
      [inSlotOf('b')],
      /^data-loss DiskReplaced: .* b is gone, another disk/,
    ],
    [
      'does not lose a mirror of which one member is blank',
      RAID1,
      [blank('a', R0)],
      /^inaccessible DiskAway/,
    ],
    [
      'does not lose a mirror of which all are blank or others: it may have got new ones since',
      RAID1,
      [blank('a', R0), inSlotOf('b')],
      /^inaccessible DiskAway/,
    ],
  ])('%s', (_what, record, disks, told) => {
    expect(toldOf(record, lookAt(disks))).toMatch(told);
  });

  it('loses nothing while the array runs again and was not read yet', () => {
    const on = { made: true, on: 'md127' };
    const look = lookAt([member('a', 'ab', on), member('b', 'ab', on)], {});
    const arrays = viewArrays(look, () => true);
    const disks = look.disks.filter(({ disk: { array } }) => array === undefined);
    expect(explainLoss(HANDLE, UUID, RAID0, { disks, arrays, unreadWhy: undefined })).toMatchObject({
      kind: 'inaccessible',
      message: expect.stringMatching(/is not served: about to be served/),
    });
  });

  it('loses nothing of a member that is refused for a while', () => {
    const passing = { ...refused('a'), isRead: false };
    expect(toldOf(RAID0, lookAt([passing]))).toMatch(/^inaccessible DiskAway/);
  });
});
