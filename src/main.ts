import { readConfiguration } from './cli/configuration.ts';
import { helpText } from './cli/help.ts';
import { createLog } from './cli/log.ts';
import { parseInvocation } from './cli/options.ts';
import { fail, stopSignal } from './cli/process.ts';
import { report } from './cli/report.ts';
import { VERSION } from './cli/version.ts';
import { ask } from './csi/administration.ts';
import { DriverError } from './model/errors.ts';
import { serveNode } from './node.ts';

async function main(): Promise<void> {
  const invocation = parseInvocation(process.argv.slice(2), process.env);
  if (invocation.is === 'help') return void process.stdout.write(helpText(invocation.command));
  if (invocation.is === 'version') return void process.stdout.write(`instance-store-csi ${VERSION}\n`);
  expectRoot();
  if (invocation.is === 'ask') {
    process.stdout.write(`${await ask(invocation.stateDir, invocation.order)}\n`);
    return;
  }
  const { command, subject, options } = invocation;
  const configuration = await readConfiguration(options.config);
  if (command !== 'node') {
    process.stdout.write(await report(command, subject, options, configuration));
    return;
  }
  await serveNode(options, configuration, createLog(options.logLevel), stopSignal());
  process.exit(0);
}

function expectRoot(): void {
  const id = process.geteuid?.();
  if (id !== 0)
    throw new DriverError('unsupported', `found user id ${id}, want root: disks are opened by it`);
}

main().catch(fail);
