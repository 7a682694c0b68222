import type { ListenAddress } from '../metrics/server.ts';
import { type Described, flagOf, parseArguments, textOf, type Values, wrong } from './arguments.ts';
import { DEFAULT_PATH } from './configuration.ts';
import { LOG_LEVEL, type LogLevel, logLevelOf } from './log-level.ts';
import { METRICS_ADDRESS, metricsAddressOf } from './metrics-address.ts';

/** What a person or a manifest may say on the command line; every option also as INSTANCE_STORE_CSI_<OPTION>. */

export const COMMANDS = ['node', 'status', 'plan', 'why'] as const;
export type Command = (typeof COMMANDS)[number];

export type Options = {
  readonly endpoint: string;
  readonly config: string | undefined;
  readonly stateDir: string;
  readonly nodeName: string;
  readonly machineId: string | undefined;
  /** Undefined: metrics are not served. */
  readonly metricsAddress: ListenAddress | undefined;
  readonly noKubernetes: boolean;
  readonly logLevel: LogLevel;
  readonly json: boolean;
};

export type Invocation =
  | { readonly is: 'help'; readonly command: Command | undefined }
  | { readonly is: 'version' }
  | {
      readonly is: 'run';
      readonly command: Command;
      readonly subject: string | undefined;
      readonly options: Options;
    };

type OptionName =
  | 'endpoint'
  | 'config'
  | 'state-dir'
  | 'node-name'
  | 'machine-id'
  | 'metrics-address'
  | 'no-kubernetes'
  | 'log-level'
  | 'json';

export const OPTIONS: { readonly [N in OptionName]: Described & { readonly commands: readonly Command[] } } =
  {
    endpoint: {
      type: 'string',
      placeholder: 'unix:///PATH',
      help: 'Unix socket to serve CSI on',
      fallback: 'unix:///run/instance-store-csi/csi.sock',
      alias: 'CSI_ENDPOINT',
      commands: ['node'],
    },
    config: {
      type: 'string',
      placeholder: 'FILE',
      help: `the pools (default ${DEFAULT_PATH} if it is there, else the local disks of known clouds)`,
      fallback: undefined,
      commands: COMMANDS,
    },
    'state-dir': {
      type: 'string',
      placeholder: 'DIR',
      help: 'records of volumes and the lock; one driver at a time',
      fallback: '/var/lib/instance-store-csi',
      commands: COMMANDS,
    },
    'node-name': {
      type: 'string',
      placeholder: 'NAME',
      help: "this node's name, in a cluster that of its Node: CSI node id; must be given",
      fallback: undefined,
      alias: 'NODE_NAME',
      commands: COMMANDS,
    },
    'machine-id': {
      type: 'string',
      placeholder: 'ID',
      help: "this machine's identity (default: cloud instance id, DMI product UUID, or /etc/machine-id)",
      fallback: undefined,
      commands: COMMANDS,
    },
    'metrics-address': { ...METRICS_ADDRESS, commands: ['node'] },
    'no-kubernetes': {
      type: 'boolean',
      placeholder: '',
      help: 'in a pod too: ask no API server, tell it nothing; the node name is the topology value',
      fallback: undefined,
      commands: ['node'],
    },
    'log-level': { ...LOG_LEVEL, help: 'debug also shows every host command', commands: ['node'] },
    json: {
      type: 'boolean',
      placeholder: '',
      help: 'answer as JSON, for machines',
      fallback: undefined,
      commands: ['status', 'plan', 'why'],
    },
  };

/** @throws DriverError `invalid-argument` naming the option, what was found and what is wanted */
export function parseInvocation(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Invocation {
  const { values, positionals } = parseArguments(argv, OPTIONS);
  const [commandText, subject, ...rest] = positionals;
  const command = COMMANDS.find((known) => known === commandText);
  if (values.version === true) return { is: 'version' };
  if (commandText !== undefined && command === undefined)
    throw wrong(`unknown command "${commandText}", want one of ${COMMANDS.join(', ')}`);
  if (values.help === true || command === undefined) return { is: 'help', command };
  if (rest.length > 0 || (subject !== undefined && command !== 'why')) {
    throw wrong(`${command}: unexpected argument "${rest[0] ?? subject}"`);
  }
  if (command === 'why' && subject === undefined)
    throw wrong('why: name a disk (/dev/nvme1n1, loop3) or a volume (handle or name)');
  return { is: 'run', command, subject, options: optionsFor(command, values, env) };
}

function optionsFor(
  command: Command,
  values: Values,
  env: Readonly<Record<string, string | undefined>>,
): Options {
  const text = (name: OptionName): string | undefined => textOf(name, OPTIONS[name], values, env);
  for (const name of Object.keys(values)) {
    if (name in OPTIONS && !OPTIONS[name as OptionName].commands.includes(command))
      throw wrong(`${command} has no option --${name}`);
  }
  return {
    endpoint: text('endpoint') ?? '',
    config: text('config'),
    stateDir: absolute('--state-dir', text('state-dir') ?? ''),
    nodeName: nodeName(text('node-name')),
    machineId: text('machine-id'),
    metricsAddress: metricsAddressOf(text('metrics-address')),
    logLevel: logLevelOf(text('log-level')),
    noKubernetes: flagOf('no-kubernetes', values, env),
    json: flagOf('json', values, env),
  };
}

function absolute(option: string, path: string): string {
  if (path.startsWith('/')) return path;
  throw wrong(`${option} is "${path}", want an absolute path`);
}

/** It becomes a topology value, so a label's form binds it. */
function nodeName(name: string | undefined): string {
  if (name === undefined || name === '') throw wrong('--node-name is missing; give it, or set NODE_NAME');
  if (/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(name)) return name;
  throw wrong(
    `--node-name is "${name}", want at most 63 letters, digits, ".", "_" or "-", with a letter or digit at both ends`,
  );
}
