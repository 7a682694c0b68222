import { NO_CRASHPOINTS } from '../host/crashpoint.ts';
import { readDeviceWork } from '../host/device-work.ts';
import { createExec } from '../host/exec.ts';
import { machineId } from '../host/machine.ts';
import { type Carved, NOTHING_CARVED } from '../model/carved.ts';
import { cordonInWords } from '../model/cordon.ts';
import { messageOf } from '../model/errors.ts';
import { type Configuration, DRIVER_NAME, type Self } from '../model/pool.ts';
import { type ArrayView, isServable, memberDisks } from '../pools/arrays.ts';
import type { PoolsContext } from '../pools/context.ts';
import { readCordons } from '../pools/cordons.ts';
import { Device, type Placed } from '../pools/device.ts';
import { type Look, type Looked, look } from '../pools/look.ts';
import { compareMappings } from '../pools/mapping.ts';
import { differenceOf } from '../pools/plan.ts';
import { planArrays } from '../pools/plan-arrays.ts';
import { peekSlice, readCarved } from '../pools/slices.ts';
import { readRecords } from '../volumes/records.ts';
import type { Options, OwnCommand } from './options.ts';
import { planReport } from './plan.ts';
import type { OwnedDisk, Report, ShownSlice, Situation } from './situation.ts';
import { statusReport } from './status.ts';
import { disksOf } from './view.ts';
import { whyReport } from './why.ts';

export async function report(
  command: Exclude<OwnCommand, 'node'>,
  subject: string | undefined,
  options: Options,
  configuration: Configuration,
): Promise<string> {
  const self: Self = {
    driver: DRIVER_NAME,
    node: options.nodeName,
    machine: await machineId(options.machineId),
  };
  const exec = createExec({ crashpoints: NO_CRASHPOINTS });
  const cordons = await readCordons(options.stateDir);
  const context: PoolsContext = { exec, self, configuration, cordons, notify: () => undefined };
  const [seen, { records, broken }, work] = await Promise.all([
    look(context),
    readRecords(options.stateDir),
    readDeviceWork(),
  ]);
  const arrays = planArrays(seen, configuration.pools, () => true);
  const owned = await ownedDisks(context, seen, arrays.arrays);
  const situation: Situation = { context, look: seen, arrays, owned, records, broken, work };
  const { lines, value } = await REPORTS[command](situation, subject ?? '');
  return options.json ? `${JSON.stringify(value, bigintAsText, 2)}\n` : `${lines.join('\n')}\n`;
}

async function ownedDisks(
  context: PoolsContext,
  seen: Look,
  arrays: readonly ArrayView[],
): Promise<readonly OwnedDisk[]> {
  const served = disksOf({ look: seen }).filter((looked) => isServable(looked, arrays));
  const owned = await Promise.all(served.map((looked) => ownedDisk(context, looked, arrays)));
  return owned.filter((one) => one !== undefined);
}

async function ownedDisk(
  context: PoolsContext,
  looked: Looked,
  arrays: readonly ArrayView[],
): Promise<OwnedDisk | undefined> {
  const { disk, verdict } = looked;
  if (verdict.is !== 'owned') return undefined;
  const { note, table } = verdict.mark;
  const members = memberDisks(disk, arrays);
  const differs = differenceOf(note, disk, members, context.configuration.pools);
  const deviceWith = (carved: Carved) => {
    const device = new Device({ disk, members, note, table, carved, differs });
    device.cordoned = cordonInWords(context.cordons.of(disk.identity));
    return device;
  };
  try {
    const device = deviceWith(await readCarved(context.exec, disk, verdict.mark));
    const slices = await Promise.all(device.carved.slices.map((slice) => shownSlice({ device, slice })));
    return { looked, device, slices, mappings: await compareMappings(device), unreadWhy: undefined };
  } catch (error) {
    const device = deviceWith(NOTHING_CARVED);
    return { looked, device, slices: [], mappings: [], unreadWhy: messageOf(error) };
  }
}

async function shownSlice({ device, slice }: Placed): Promise<ShownSlice> {
  const shown = await peekSlice({ device, slice });
  const node = shown.is === 'present' ? shown.value : undefined;
  return { mark: device.mark, disk: device.disk.path, slice, node };
}

const REPORTS: {
  readonly [C in Exclude<OwnCommand, 'node'>]: (
    situation: Situation,
    subject: string,
  ) => Promise<Report> | Report;
} = { status: statusReport, plan: planReport, why: whyReport };

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
