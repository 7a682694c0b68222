import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Access, BareDisk, labelDisk } from './bare.ts';
import { type Figure, median, ms, type Section, timed, times } from './figures.ts';
import { Rig } from './rig.ts';

const MIB = 1024n ** 2n;
const POOL = 'fast';
const DISK_BYTES = 4096n * MIB;
const SIZE_BYTES: Readonly<Record<Access, bigint>> = {
  xfs: 1024n * MIB,
  ext4: 1024n * MIB,
  block: 64n * MIB,
};
const RATIO_MAX = 1.1;
/** The driver looks at the disks half a second after a node came or went; the other's disk is read then. */
const LOOK_MS = 700;

type Pair = {
  readonly up: number;
  readonly down: number;
  readonly bareUp: number;
  readonly bareDown: number;
  readonly ownCpu: number;
};

/** A whole life, driver and bare tools in turn on equal disks, the driver standing still meanwhile. */
export async function measureLives(pairs: number): Promise<Section> {
  await using rig = await Rig.create([{ name: POOL, sizeBytes: DISK_BYTES }]);
  const disk = await rig.lab.attach(await rig.lab.image('bare.img', DISK_BYTES));
  await labelDisk(disk);
  await rig.start();
  const figures: Figure[] = [];
  for (const access of ['xfs', 'ext4', 'block'] as const) {
    const bare = new BareDisk(disk, rig.lab.path(`bare-${access}`));
    await bare.makeTargets(access);
    const measured: Pair[] = [];
    // The first pair warms both up and does not count.
    for (let at = 0; at <= pairs; at += 1) measured.push(await onePair(rig, bare, access, at));
    figures.push(...figuresOf(access, measured.slice(1)));
  }
  return {
    title: `A volume's life, against the bare tools (medians of ${pairs} alternating pairs)`,
    figures,
  };
}

async function onePair(rig: Rig, bare: BareDisk, access: Access, at: number): Promise<Pair> {
  const { player } = rig;
  const free = (await player.capacity({ pool: POOL })).availableBytes;
  const pid = rig.driver.process.pid ?? 0;
  const cpuBefore = await ownCpuMs(pid);
  const wanted = {
    name: `${access}-${at}`,
    sizeBytes: SIZE_BYTES[access],
    access,
    parameters: { pool: POOL },
  };
  let down: () => Promise<unknown> = async () => undefined;
  const up = await timed(async () => {
    const made = await player.create(wanted);
    await player.stage(made);
    await player.publish(made);
    down = async () => {
      await player.unpublish(made);
      await player.unstage(made);
      await player.delete(made.id);
    };
  });
  const downMs = await timed(down);
  const ownCpu = (await ownCpuMs(pid)) - cpuBefore;
  await rig.untilFree(POOL, free);
  const { bareUp, bareDown } = await bareLife(rig, bare, access);
  return { up, down: downMs, bareUp, bareDown, ownCpu };
}

async function bareLife(rig: Rig, bare: BareDisk, access: Access) {
  rig.driver.process.kill('SIGSTOP');
  try {
    const bareUp = await timed(() => bare.up(access, SIZE_BYTES[access]));
    const bareDown = await timed(() => bare.down());
    return { bareUp, bareDown };
  } finally {
    rig.driver.process.kill('SIGCONT');
    await sleep(LOOK_MS);
  }
}

/** What the process itself used, its children not counted; the kernel counts in hundredths of a second. */
async function ownCpuMs(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function figuresOf(access: Access, pairs: readonly Pair[]): readonly Figure[] {
  const up = compare(
    `${access}: create + stage + publish`,
    pairs.map((one) => one.up),
    pairs.map((one) => one.bareUp),
    [
      'the table is read (dd) before and after each of two writes (the slice, and later its prepared bit), blkid and',
      'mountinfo are asked whether it worked, two records are fsynced, there are three RPCs, every command is started',
      'through setpriv, and /sys is read by an interpreter without a compiler: see where the time goes below',
    ],
  );
  const down = compare(
    `${access}: unpublish + unstage + delete`,
    pairs.map((one) => one.down),
    pairs.map((one) => one.bareDown),
    [
      'the table is read before and after its write, the use of the slice is asked of every table of the kernel, the',
      'record is removed and synced, and there are three RPCs: see where the time goes below',
    ],
  );
  const cpu = {
    what: `${access}: processor time of the driver itself, both ways`,
    value: ms(median(pairs.map((one) => one.ownCpu))),
  };
  return [up, down, cpu];
}

function compare(
  what: string,
  driver: readonly number[],
  bare: readonly number[],
  cause: readonly string[],
): Figure {
  const [a, b] = [median(driver), median(bare)];
  const ratio = a / b;
  return {
    what,
    value: ms(a),
    compared: `${ms(b)} bare: ${times(ratio)}`,
    goal: { text: `<= ${times(RATIO_MAX)}`, met: ratio <= RATIO_MAX, cause: cause.join(' ') },
  };
}
