import { describe, expect, it } from '@jest/globals';
import type { Line } from '../../kill/points.ts';
import { parseTrace, withoutPoint } from '../../kill/trace.ts';

const ALLOWED = { recording: '/w/points', stateDirectory: '/w/state', sockets: ['/w/csi.sock'] };
const POINT = '10 openat(AT_FDCWD, "/w/points", O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC, 0666) = 20';
const START =
  '10 execve("/usr/bin/node", ["/usr/bin/node", "/d/instance-store-csi.mjs", "node"], 0x7f /* 9 vars */) = 0';

const exec = (pid: number, ...argv: readonly string[]): string =>
  `${pid} execve("/usr/bin/${argv[0]}", ${JSON.stringify(argv).replaceAll(',', ', ')}, 0x7f /* 9 vars */) = 0`;

const around = (effect: string): readonly Line[] => [
  { n: 1, effect, side: 'before' },
  { n: 2, effect, side: 'after', ms: 1 },
];

const during = (effect: string): readonly Line[] => {
  const [before, after] = around(effect);
  return before && after ? [before, { n: 1, effect, side: 'during' }, after] : [];
};

const faults = (trace: readonly string[], lines: readonly Line[]) =>
  withoutPoint(parseTrace([START, ...trace].join('\n')), lines, ALLOWED);

describe('withoutPoint()', () => {
  it('finds nothing where every effect lies between its points', () => {
    const trace = [POINT, exec(11, 'partx', '--add', '/dev/loop1'), POINT, POINT];
    expect(faults(trace, during('exec partx --add /dev/loop1'))).toEqual([]);
    const record = '12 openat(AT_FDCWD, "/w/state/volumes/a.json.tmp", O_WRONLY|O_CREAT|O_TRUNC, 0600) = 21';
    expect(faults([POINT, record, POINT], around('durable write a.json.tmp'))).toEqual([]);
  });

  it.each([
    ['a host command', exec(11, 'partx', '--add', '/dev/loop1')],
    ['a dd that writes', exec(11, 'dd', 'if=/dev/zero', 'of=/dev/loop1')],
    ['a wipefs that erases', exec(11, 'wipefs', '--all', '/dev/loop1')],
    ['a program that nobody has listed', exec(11, 'tune2fs', '-l', '/dev/loop1')],
    ['a rename', '12 rename("/w/state/volumes/a.json.tmp", "/w/state/volumes/a.json") = 0'],
    ['an unlink', '12 unlink("/w/state/volumes/a.json") = 0'],
    ['a directory', '12 mkdir("/w/kubelet/pods", 0750) = 0'],
    ['a directory removed', '12 rmdir("/w/kubelet/pods") = 0'],
    ['a file', '12 openat(AT_FDCWD, "/w/kubelet/node", O_WRONLY|O_CREAT|O_EXCL, 0640) = 21'],
    ['a mount by its own hand', '12 mount("/dev/loop1", "/mnt", "xfs", 0, NULL) = 0'],
  ])('names %s without a point', (_, line) => {
    expect(faults([line], [])).toEqual([expect.stringMatching(/^no point for /)]);
    expect(faults([POINT, line, POINT], around('some other effect'))).toHaveLength(1);
  });

  it('lets reading pass, and what failed', () => {
    const reads = [
      exec(11, 'setpriv', '--pdeathsig', 'KILL', '--', 'blkid', '--probe', '/dev/loop1'),
      exec(11, 'blkid', '--probe', '/dev/loop1'),
      exec(12, 'dd', 'if=/dev/loop1', 'count=4096'),
      exec(13, 'wipefs', '--no-act', '--json', '/dev/loop1'),
      '12 openat(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY|O_CLOEXEC) = 21',
      '12 rmdir("/w/kubelet/pods") = -1 ENOENT (No such file or directory)',
    ];
    expect(faults(reads, [])).toEqual([]);
  });

  it('does not ask what a program does behind its own point', () => {
    const write = '11 openat(AT_FDCWD, "/dev/loop1", O_RDWR|O_EXCL) = 3';
    const trace = [POINT, exec(11, 'partx', '--add', '/dev/loop1'), write, POINT, POINT];
    expect(faults(trace, during('exec partx --add /dev/loop1'))).toEqual([]);
  });

  it('puts calls together that strace tore apart', () => {
    const trace = [
      POINT,
      '12 rename("/w/a.tmp", "/w/a" <unfinished ...>',
      '10 mkdir("/x", 0700) = -1 EEXIST (File exists)',
    ];
    const rest = ['12 <... rename resumed>)          = 0', POINT];
    expect(faults([...trace, ...rest], around('durable rename a'))).toEqual([]);
    expect(faults([...trace, ...rest], around('durable rename b'))).toHaveLength(1);
  });

  it('fails when strace saw fewer points or programs than were recorded: it proves nothing then', () => {
    expect(faults([POINT], around('durable remove a'))).toEqual(['2 points were recorded, strace saw 1']);
    expect(faults([POINT, POINT, POINT], during('exec partx --add /dev/loop1'))).toEqual([
      'a point and no program: exec partx --add /dev/loop1',
    ]);
  });
});
