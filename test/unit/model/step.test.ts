import { describe, expect, it } from '@jest/globals';
import { describeStep, type Step } from '../../../src/model/step.ts';
import { HANDLE, NOTE, POOL } from './fixtures.ts';

const because = '@why';
const disk = '/dev/nvme1n1';
const number = 3;
const handle = HANDLE;

describe('describeStep()', () => {
  it.each<[string, Step]>([
    [
      'take /dev/nvme1n1 for pool fast (@why)',
      { kind: 'take', because, disk, pool: POOL, resume: undefined },
    ],
    [
      'finish taking /dev/nvme1n1 for pool fast (@why)',
      { kind: 'take', because, disk, pool: POOL, resume: NOTE },
    ],
    [
      'erase /dev/nvme1n1 and take it for pool fast (@why)',
      { kind: 'eraseAndTake', because, disk, pool: POOL, fingerprint: 'f' },
    ],
    [
      'rewrite the primary copy of the table of /dev/nvme1n1 (@why)',
      { kind: 'rewriteTable', because, disk, torn: 'primary' },
    ],
    [
      'rewrite the backup copy of the table of /dev/nvme1n1 (@why)',
      { kind: 'rewriteTable', because, disk, torn: 'backup' },
    ],
    [
      'tell the kernel of partition 3 of /dev/nvme1n1 (@why)',
      { kind: 'addPartition', because, disk, number },
    ],
    [
      'tell the kernel the size of partition 3 of /dev/nvme1n1 (@why)',
      { kind: 'resizePartition', because, disk, number },
    ],
    [
      'make the kernel forget partition 3 of /dev/nvme1n1 (@why)',
      { kind: 'dropPartition', because, disk, number },
    ],
    [
      `free the slice of ${HANDLE}, which no CreateVolume answered (@why)`,
      { kind: 'undoSlice', because, handle },
    ],
    [
      `quarantine the slice of ${HANDLE}, deleted while its disk was away (@why)`,
      { kind: 'quarantineSlice', because, handle },
    ],
    [`keep the record of ${HANDLE}: its slice is in use (@why)`, { kind: 'commitRecord', because, handle }],
    [`forget the record of ${HANDLE} (@why)`, { kind: 'forgetRecord', because, handle }],
    [
      'sanitize partition 3 of /dev/nvme1n1, then free it (@why)',
      { kind: 'sanitize', because, disk, place: 'partition 3' },
    ],
  ])('says "%s"', (words, step) => {
    expect(describeStep(step)).toBe(words);
  });
});
