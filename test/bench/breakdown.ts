import { readFile } from 'node:fs/promises';
import { NO_CRASHPOINTS } from '../../src/host/crashpoint.ts';
import { createDurable } from '../../src/host/durable.ts';
import { type Figure, median, ms, type Section, timed } from './figures.ts';
import { Rig } from './rig.ts';

const MIB = 1024n ** 2n;
const POOL = 'fast';
const SAMPLES = 25;
const METHODS = [
  'CreateVolume',
  'NodeStageVolume',
  'NodePublishVolume',
  'NodeUnpublishVolume',
  'NodeUnstageVolume',
  'DeleteVolume',
] as const;

type LogLine = {
  readonly msg: string;
  readonly method?: string;
  readonly volume?: string;
  readonly command?: string;
  readonly args?: readonly string[];
  readonly durationMs?: number;
};

/** One call of the log: how long it took in the driver, and the host commands that ran for it. */
type Call = { readonly method: string; readonly durationMs: number; readonly commands: readonly LogLine[] };

/** Where the time of a call goes: its host commands one by one, fsyncs, the RPC, and the rest. */
export async function measureBreakdown(lives: number): Promise<readonly Section[]> {
  await using rig = await Rig.create([{ name: POOL, sizeBytes: 4096n * MIB }]);
  await rig.start('debug');
  const rpc = await medianOf(SAMPLES, () => rig.driver.probe());
  const durable = createDurable(NO_CRASHPOINTS);
  const record = rig.lab.path('record.json');
  const write = await medianOf(SAMPLES, () => durable.write(record, 'x'.repeat(600)));
  const remove = await medianOf(SAMPLES, async () => durable.remove(record));
  const calls = { xfs: await livesOf(rig, 'xfs', lives), block: await livesOf(rig, 'block', lives) };
  return [
    {
      title: `Where the time of a call goes (medians of ${lives} lives, xfs unless named; from the driver's debug log)`,
      figures: [
        ...METHODS.map((method) => rowOf(method, method, calls.xfs)),
        rowOf('NodeStageVolume', 'NodeStageVolume of a block volume', calls.block),
      ],
    },
    {
      title: 'What one of them costs here',
      figures: [
        { what: 'one RPC there and back (Probe)', value: ms(rpc), compared: '3 of them each way' },
        { what: 'a record written (2 fsyncs and a rename)', value: ms(write), compared: '2 in CreateVolume' },
        { what: 'a record removed (1 fsync)', value: ms(remove), compared: '1 in DeleteVolume' },
      ],
    },
  ];
}

async function medianOf(count: number, act: () => Promise<unknown>): Promise<number> {
  const values: number[] = [];
  for (let at = 0; at < count; at += 1) values.push(await timed(act));
  return median(values);
}

async function livesOf(rig: Rig, access: 'xfs' | 'block', lives: number): Promise<readonly Call[]> {
  const { player } = rig;
  const before = (await linesOf(rig)).length;
  const free = (await player.capacity({ pool: POOL })).availableBytes;
  for (let at = 0; at < lives; at += 1) {
    const sizeBytes = access === 'block' ? 64n * MIB : 1024n * MIB;
    const made = await player.create({
      name: `${access}-${at}`,
      sizeBytes,
      access,
      parameters: { pool: POOL },
    });
    await player.stage(made);
    await player.publish(made);
    await player.unpublish(made);
    await player.unstage(made);
    await player.delete(made.id);
    await rig.untilFree(POOL, free);
  }
  return callsOf((await linesOf(rig)).slice(before));
}

async function linesOf(rig: Rig): Promise<readonly LogLine[]> {
  const text = await readFile(rig.driver.logFile, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogLine);
}

/** The calls come one after the other; looks at other disks, which run beside them, are left out. */
function callsOf(lines: readonly LogLine[]): readonly Call[] {
  let commands: LogLine[] = [];
  const calls: Call[] = [];
  for (const line of lines) {
    if (line.msg === 'call begins') commands = [];
    else if (line.msg === 'host command' && !isLook(line)) commands.push(line);
    else if (line.msg === 'call' && line.method !== undefined)
      calls.push({ method: line.method, durationMs: line.durationMs ?? 0, commands });
  }
  return calls;
}

/** The driver's look at whole disks, which the coming and going of device nodes starts. */
function isLook({ command, args }: LogLine): boolean {
  const path = args?.find((arg) => arg.startsWith('/dev/')) ?? '';
  return /^(node|wipefs|blkid)$/.test(nameOf(command)) && /^\/dev\/[a-z]+\d*$/.test(path);
}

function nameOf(command = ''): string {
  return command.split('/').at(-1) ?? command;
}

function rowOf(method: string, what: string, calls: readonly Call[]): Figure {
  const own = calls.filter((call) => call.method === method);
  const spawned = own.map(({ commands }) => sumOf(commands));
  const total = median(own.map(({ durationMs }) => durationMs));
  const rest = median(own.map(({ durationMs }, at) => durationMs - (spawned[at] ?? 0)));
  const [first] = own;
  const steps = (first?.commands ?? []).map((line, at) => {
    const name = nameOf(line.command);
    return `${name === 'node' ? 'probe' : name} ${ms(median(own.map(({ commands }) => commands[at]?.durationMs ?? 0)))}`;
  });
  const count = median(own.map(({ commands }) => commands.length));
  return {
    what,
    value: ms(total),
    compared: `${count} commands: ${steps.join(', ') || 'none'}; the rest ${ms(rest)}`,
  };
}

function sumOf(commands: readonly LogLine[]): number {
  return commands.reduce((sum, { durationMs }) => sum + (durationMs ?? 0), 0);
}
