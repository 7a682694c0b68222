import { describe, expect, it } from '@jest/globals';
import { eventsOf } from '../../../src/kube/event.ts';
import type { Notice } from '../../../src/model/notice.ts';
import { HANDLE, NOTE } from '../model/fixtures.ts';

const UID = '5a1b6c1e-0d55-4c5e-9a43-1f7a0c9d2b10';
const claim = { namespace: 'shop', name: 'ledger-0', volume: `pvc-${UID}` };
const DISK = { disk: '/dev/nvme1n1', identity: 'eui.01' };
const ON_DISK = '/dev/nvme1n1 (eui.01)';
const sizeBytes = 3n * 512n * 1024n ** 2n;
const durationMs = 1_234;

/** An event in a line: type, reason, what it is about, and what it says. */
const shown = (notice: Notice): readonly string[] =>
  eventsOf(notice, 'node-a').map(
    ({ about, type, reason, message }) =>
      `${type} ${reason} on ${about.kind} ${about.name} ${about.uid ?? '?'}: ${message}`,
  );
const onClaim = `on PersistentVolumeClaim ledger-0 ${UID}`;
const onVolume = `on PersistentVolume pvc-${UID} ?`;
const onNode = 'on Node node-a node-a';

describe('eventsOf()', () => {
  it.each<[string, Notice, readonly string[]]>([
    [
      'a new volume to its claim',
      { notice: 'provisioned', handle: HANDLE, claim, ...DISK, sizeBytes },
      [`Normal Provisioned ${onClaim}: Volume ${HANDLE}: 1.5 GiB on ${ON_DISK} of node node-a`],
    ],
    [
      'a filesystem to its claim',
      { notice: 'prepared', handle: HANDLE, claim, what: 'xfs', durationMs },
      [`Normal Prepared ${onClaim}: Volume ${HANDLE} is ready to be used: xfs made in 1.2 s`],
    ],
    [
      'a zeroed volume to its claim',
      { notice: 'prepared', handle: HANDLE, claim, what: 'zeros', durationMs },
      [`Normal Prepared ${onClaim}: Volume ${HANDLE} is ready to be used: zeroed in 1.2 s`],
    ],
    [
      'a volume that has grown to its claim',
      { notice: 'expanded', handle: HANDLE, claim, sizeBytes },
      [`Normal Expanded ${onClaim}: Volume ${HANDLE} has 1.5 GiB now`],
    ],
    [
      'what is lost to claim and volume',
      { notice: 'data-loss', handle: HANDLE, claim, reason: 'DiskWiped', message: 'Volume x: gone' },
      [
        `Warning DataLoss ${onClaim}: Volume x: gone (DiskWiped)`,
        `Warning DataLoss ${onVolume}: Volume x: gone (DiskWiped)`,
      ],
    ],
    [
      'a deletion to the volume, as the claim is gone',
      { notice: 'quarantined', handle: HANDLE, claim, ...DISK, sizeBytes },
      [
        `Normal Quarantined ${onVolume}: Volume ${HANDLE} is deleted: its 1.5 GiB on ${ON_DISK} are capacity again when they are sanitized`,
      ],
    ],
    [
      'the end of sanitizing to the node, as the volume is gone',
      { notice: 'sanitized', slice: HANDLE, ...DISK, sizeBytes, durationMs },
      [
        `Normal Sanitized ${onNode}: 1.5 GiB of a deleted volume on ${ON_DISK} were sanitized in 1.2 s and are capacity again`,
      ],
    ],
    [
      'its failure to the node',
      { notice: 'sanitize-failed', slice: HANDLE, ...DISK, error: 'EIO' },
      [
        `Warning SanitizeFailed ${onNode}: The space of a deleted volume on ${ON_DISK} cannot be sanitized, is no capacity, and is tried again: EIO`,
      ],
    ],
    [
      'an orphan that nobody used to the node',
      {
        notice: 'orphan',
        handle: HANDLE,
        name: 'pvc-1',
        ...DISK,
        sizeBytes,
        wasStaged: false,
        isDeletable: false,
      },
      [
        `Warning Orphan ${onNode}: Volume ${HANDLE} (pvc-1), 1.5 GiB on ${ON_DISK}, has no PersistentVolume: it is kept; nobody ever used it`,
      ],
    ],
    [
      'an orphan that goes to the node',
      {
        notice: 'orphan',
        handle: HANDLE,
        name: 'pvc-1',
        ...DISK,
        sizeBytes,
        wasStaged: false,
        isDeletable: true,
      },
      [
        `Warning Orphan ${onNode}: Volume ${HANDLE} (pvc-1), 1.5 GiB on ${ON_DISK}, has no PersistentVolume: nobody ever used it, and it is being deleted`,
      ],
    ],
    [
      'an orphan with data, and without a record, to the node',
      {
        notice: 'orphan',
        handle: HANDLE,
        name: undefined,
        ...DISK,
        sizeBytes,
        wasStaged: true,
        isDeletable: false,
      },
      [
        `Warning Orphan ${onNode}: Volume ${HANDLE}, 1.5 GiB on ${ON_DISK}, has no PersistentVolume: it is kept, with its data`,
      ],
    ],
    [
      'a disk that is taken to the node',
      { notice: 'disk-taken', ...DISK, pool: 'fast', mark: NOTE.mark },
      [`Normal DiskTaken ${onNode}: ${ON_DISK} is taken for pool fast`],
    ],
    [
      'a disk that a pool wants and does not get to the node',
      { notice: 'disk-refused', ...DISK, pools: ['fast'], reason: 'has a signature', detail: 'ext4' },
      [
        `Warning DiskRefused ${onNode}: ${ON_DISK} matches pool fast and is left alone: has a signature: ext4`,
      ],
    ],
    [
      'a disk without identity by its path',
      {
        notice: 'disk-refused',
        disk: '/dev/sdb',
        identity: undefined,
        pools: ['fast', 'slow'],
        reason: 'no identity',
        detail: 'no wwid',
      },
      [
        `Warning DiskRefused ${onNode}: /dev/sdb matches pool fast and slow and is left alone: no identity: no wwid`,
      ],
    ],
    [
      'a disk that no pool wants to nobody',
      { notice: 'disk-refused', ...DISK, pools: [], reason: 'root disk', detail: 'the root filesystem' },
      [],
    ],
    [
      'a disk that is gone to the node',
      { notice: 'disk-gone', ...DISK, pool: 'fast', mark: NOTE.mark },
      [
        `Warning DiskGone ${onNode}: ${ON_DISK} of pool fast is gone; its volumes are served again when it is back`,
      ],
    ],
    ['progress to nobody', { notice: 'sanitizing', slice: HANDLE, doneBytes: 1n, ofBytes: sizeBytes }, []],
  ])('tells %s', (_, notice, events) => {
    expect(shown(notice)).toEqual(events);
  });

  it('speaks on the node of a volume whose claim nobody told', () => {
    const lost: Notice = {
      notice: 'data-loss',
      handle: HANDLE,
      claim: undefined,
      reason: 'SliceLost',
      message: 'Volume x: gone',
    };
    expect(shown(lost)).toEqual([`Warning DataLoss ${onNode}: Volume x: gone (SliceLost)`]);
  });
});
