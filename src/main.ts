import { readConfiguration } from './cli/configuration.ts';
import { helpText } from './cli/help.ts';
import { createLog } from './cli/log.ts';
import { parseInvocation } from './cli/options.ts';
import { report } from './cli/report.ts';
import { VERSION } from './cli/version.ts';
import { DriverError, messageOf } from './model/errors.ts';
import { serveNode } from './node.ts';

async function main(): Promise<void> {
  const invocation = parseInvocation(process.argv.slice(2), process.env);
  if (invocation.is === 'help') return void process.stdout.write(helpText(invocation.command));
  if (invocation.is === 'version') return void process.stdout.write(`instance-store-csi ${VERSION}\n`);
  const { command, subject, options } = invocation;
  const configuration = await readConfiguration(options.config);
  if (command !== 'node') {
    process.stdout.write(await report(command, subject, options, configuration));
    return;
  }
  await serveNode(options, configuration, createLog(options.logLevel), stopSignal());
  process.exit(0);
}

function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

/** 2: what was asked is wrong. 1: it could not be done. */
function fail(error: unknown): never {
  const wrong =
    error instanceof DriverError && (error.kind === 'invalid-argument' || error.kind === 'not-found');
  const bug = !(error instanceof DriverError) && error instanceof Error ? `\n${error.stack}` : '';
  process.stderr.write(`instance-store-csi: ${messageOf(error)}${bug}\n`);
  process.exit(wrong ? 2 : 1);
}

main().catch(fail);
