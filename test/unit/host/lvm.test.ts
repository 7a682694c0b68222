import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { HostCommand } from '../../../src/host/exec.ts';
import {
  activateCommand,
  deactivateCommand,
  extendVolumeCommand,
  makeGroupCommand,
  makeVolumeCommand,
  parseDeactivated,
  refreshCommand,
  removeVolumeCommand,
  retagVolumeCommand,
} from '../../../src/host/lvm.ts';
import { parseReport, reportCommand } from '../../../src/host/lvm-report.ts';
import { groupName } from '../../../src/model/group.ts';
import { uuid } from '../../../src/model/uuid.ts';

const ON = { path: '/dev/nvme1n1p2', disk: '/dev/nvme1n1' };
const GROUP = groupName(uuid('22222222-3333-8444-8555-666666666666'));
const AT = { group: GROUP, volume: 'slice_3' };
const RUNS = [
  { start: 0n, count: 100n },
  { start: 730n, count: 1n },
];

/** What is asked for, without what every command has. */
function asked({ args }: HostCommand): string {
  const at = args.indexOf('--devices');
  expect(args.slice(at, at + 3)).toEqual(['--devices', '/dev/nvme1n1p2', '--config']);
  return args.slice(0, at).join(' ');
}

describe('commands of LVM', () => {
  it.each<[string, HostCommand, string]>([
    [
      'the group',
      makeGroupCommand(ON, GROUP),
      `vgcreate ${GROUP} /dev/nvme1n1p2 --physicalextentsize 1m --dataalignment 1m --metadatasize 4092k ` +
        '--pvmetadatacopies 2 --setautoactivation n',
    ],
    [
      'a volume on the extents that were chosen',
      makeVolumeCommand(ON, AT, RUNS, ['isc.handle=a', 'isc.pool=fast']),
      `lvcreate ${GROUP} --name slice_3 /dev/nvme1n1p2:0-99:730-730 --extents 101 --activate n --zero n ` +
        '--wipesignatures n --addtag isc.handle=a --addtag isc.pool=fast',
    ],
    [
      'more extents',
      extendVolumeCommand(ON, AT, RUNS),
      `lvextend ${GROUP}/slice_3 /dev/nvme1n1p2:0-99:730-730 --extents +101`,
    ],
    [
      'other tags, at once',
      retagVolumeCommand(ON, AT, { drop: ['isc.handle=a', 'isc.prepared=mount'], add: ['isc.quarantine=b'] }),
      `lvchange ${GROUP}/slice_3 --deltag isc.handle=a --deltag isc.prepared=mount --addtag isc.quarantine=b`,
    ],
    ['its end', removeVolumeCommand(ON, AT), `lvremove ${GROUP}/slice_3 --yes`],
    ['a mapping', activateCommand(ON, AT), `lvchange ${GROUP}/slice_3 --activate y`],
    ['a mapping anew', refreshCommand(ON, AT), `lvchange ${GROUP}/slice_3 --refresh`],
    ['no mapping', deactivateCommand(ON, AT), `lvchange ${GROUP}/slice_3 --activate n`],
  ])('make %s', (_, command, wanted) => {
    expect(asked(command)).toBe(wanted);
    expect(command).toMatchObject({ command: 'lvm', device: '/dev/nvme1n1', effect: true });
  });

  it('see nothing of the host: not its devices, its configuration, its daemons, its locks', () => {
    const { args, env, effect } = reportCommand(ON);
    expect(effect).toBeUndefined();
    expect(env).toMatchObject({ LVM_SYSTEM_DIR: '/run/instance-store-csi/lvm', DM_DISABLE_UDEV: '1' });
    const config = args.at(-1);
    expect(config).toContain('devices/md_component_detection=0');
    expect(config).toContain('activation/udev_sync=0');
    expect(config).toContain('global/locking_dir="/run/instance-store-csi/lvm/lock"');
    expect(config).toContain('local/system_id="instance-store-csi"');
  });
});

const RECORDED = readFileSync(new URL('./lvm/report-2.03.16.txt', import.meta.url), 'utf8');
const read = (text: string, name = GROUP) => parseReport({ stdout: Buffer.from(text) }, name);

describe('parseDeactivated()', () => {
  const ended = (stderr: string, code = 5) => ({ code, stderr, stdout: Buffer.alloc(0), durationMs: 1 });

  it.each([
    `  Logical volume ${GROUP}/slice_1 in use.\n`,
    `  Logical volume ${GROUP}/slice_1 contains a filesystem in use.\n`,
    `  Logical volume ${GROUP}/slice_1 is used by another device.\n`,
    `  device-mapper: remove ioctl on ${GROUP}-slice_1  failed: Device or resource busy\n  Unable to deactivate\n`,
  ])('knows who is told to be using it: %s', (stderr) => {
    expect(parseDeactivated(ended(stderr))).toBe('in-use');
  });

  it('knows no other failure, and success by the exit code', () => {
    const failed = `  Failed to find logical volume "${GROUP}/slice_1"\n`;
    expect(parseDeactivated(ended(failed))).toBeUndefined();
    expect(parseDeactivated(ended('', 0))).toBe('inactive');
  });
});

describe('parseReport()', () => {
  it('reads a group with its volumes, whose extents are in several places, and what is free', () => {
    expect(read(RECORDED)).toEqual({
      is: 'group',
      group: {
        uuid: 'XOU2nC-QASR-alIe-wACE-FXI4-iRBY-xO18T7',
        seqno: 6n,
        extentBytes: 1024n ** 2n,
        dataStartBytes: 4n * 1024n ** 2n,
        extents: 1013n,
        volumes: [
          {
            name: 'slice_1',
            uuid: 'me3GB0-lfsV-fpYo-YxR1-3FKb-zRwE-lQZgJt',
            sizeBytes: 150n * 1024n ** 2n,
            tags: ['isc.pool=fast', 'isc.quarantine=31111111-2222-8333-8444-555555555555'],
          },
          {
            name: 'slice_2',
            uuid: 'GXdUmh-4IzK-I8ai-m7k0-gGDH-eT7k-UmGNA7',
            sizeBytes: 100n * 1024n ** 2n,
            tags: ['isc.handle=21111111-2222-8333-8444-555555555555', 'isc.pool=fast', 'isc.prepared=mount'],
          },
        ],
        free: [
          { start: 200n, count: 300n },
          { start: 520n, count: 180n },
          { start: 730n, count: 283n },
        ],
      },
    });
  });

  it.each([
    ['another group', RECORDED, 'isc_33333333333333333333333333333333', `the volume group ${GROUP}`],
    ['no group', RECORDED.replaceAll(GROUP, ''), GROUP, 'a physical volume of no group'],
    [
      'the group of another system',
      RECORDED.replaceAll('"vg_systemid":"instance-store-csi"', '"vg_systemid":"host"'),
      GROUP,
      'system id "host", want instance-store-csi',
    ],
    [
      'a group that somebody enlarged',
      RECORDED.replaceAll('"pv_count":"1"', '"pv_count":"2"'),
      GROUP,
      '2 physical volumes, want 1',
    ],
    [
      'a size that is none',
      RECORDED.replace('"104857600"', '"100m"'),
      GROUP,
      'a report that is not understood',
    ],
    ['a field that is missing', RECORDED.replace('"lv_tags"', '"tags"'), GROUP, 'a report that is none'],
    ['a report that was cut', RECORDED.slice(0, 900), GROUP, 'a report that is none'],
    ['nothing', '{"report":[{"pvseg":[]}]}', GROUP, 'a report that is none'],
  ])('takes %s for no group of ours', (_, text, name, why) => {
    expect(read(text, name)).toEqual({ is: 'other', why });
  });
});
