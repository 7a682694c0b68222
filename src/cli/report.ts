import { NO_CRASHPOINTS } from '../host/crashpoint.ts';
import { readDeviceWork } from '../host/device-work.ts';
import { createExec } from '../host/exec.ts';
import { machineId } from '../host/machine.ts';
import { type Configuration, DRIVER_NAME, type Self } from '../model/pool.ts';
import type { PoolsContext } from '../pools/context.ts';
import { look } from '../pools/look.ts';
import { readRecords } from '../volumes/records.ts';
import type { Command, Options } from './options.ts';
import { planReport } from './plan.ts';
import type { Report, Situation } from './situation.ts';
import { statusReport } from './status.ts';
import { whyReport } from './why.ts';

export async function report(
  command: Exclude<Command, 'node'>,
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
  const context: PoolsContext = { exec, self, configuration, notify: () => undefined };
  const [seen, { records, broken }, work] = await Promise.all([
    look(context),
    readRecords(options.stateDir),
    readDeviceWork(),
  ]);
  const situation: Situation = { context, look: seen, records, broken, work };
  const { lines, value } = await REPORTS[command](situation, subject ?? '');
  return options.json ? `${JSON.stringify(value, bigintAsText, 2)}\n` : `${lines.join('\n')}\n`;
}

const REPORTS: {
  readonly [C in Exclude<Command, 'node'>]: (
    situation: Situation,
    subject: string,
  ) => Promise<Report> | Report;
} = { status: statusReport, plan: planReport, why: whyReport };

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
