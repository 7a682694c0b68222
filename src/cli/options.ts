import type { Order } from '../csi/administration.ts';
import type { ListenAddress } from '../metrics/server.ts';
import {
  type Described,
  type Environment,
  flagOf,
  parseArguments,
  textOf,
  type Values,
  wrong,
} from './arguments.ts';
import { DEFAULT_PATH } from './configuration.ts';
import { LOG_LEVEL, type LogLevel, logLevelOf } from './log-level.ts';
import { METRICS_ADDRESS, metricsAddressOf } from './metrics-address.ts';

/** What a person or a manifest may say on the command line; every option also as INSTANCE_STORE_CSI_<OPTION>. */

export const COMMANDS = ['node', 'status', 'plan', 'why', 'cordon', 'uncordon', 'release'] as const;
export type Command = (typeof COMMANDS)[number];
/** Those that a driver which runs is asked for. */
type Verb = Order['verb'];
export type OwnCommand = Exclude<Command, Verb>;
const OWN: readonly Command[] = ['node', 'status', 'plan', 'why'] satisfies readonly OwnCommand[];

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
      readonly command: OwnCommand;
      readonly subject: string | undefined;
      readonly options: Options;
    }
  | { readonly is: 'ask'; readonly order: Order; readonly stateDir: string };

type OptionName =
  | 'endpoint'
  | 'config'
  | 'state-dir'
  | 'node-name'
  | 'machine-id'
  | 'metrics-address'
  | 'no-kubernetes'
  | 'log-level'
  | 'json'
  | 'yes';

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
      commands: OWN,
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
      commands: OWN,
    },
    'machine-id': {
      type: 'string',
      placeholder: 'ID',
      help: "this machine's identity (default: cloud instance id, DMI product UUID, or /etc/machine-id)",
      fallback: undefined,
      commands: OWN,
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
    yes: {
      type: 'boolean',
      placeholder: '',
      help: 'that it is meant: the owner mark is taken off the disk',
      fallback: undefined,
      spoken: true,
      commands: ['release'],
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
  const isAboutOne = command === 'why' || isVerb(command);
  if (rest.length > 0 || (subject !== undefined && !isAboutOne))
    throw wrong(`${command}: unexpected argument "${rest[0] ?? subject}"`);
  expectOptionsOf(command, values);
  if (isVerb(command)) return asked(command, subject, values, env);
  if (command === 'why' && subject === undefined)
    throw wrong('why: name a disk (/dev/nvme1n1, loop3) or a volume (handle or name)');
  return { is: 'run', command, subject, options: optionsFrom(values, env) };
}

function isVerb(command: Command): command is Verb {
  return !OWN.includes(command);
}

function expectOptionsOf(command: Command, values: Values): void {
  for (const name of Object.keys(values)) {
    if (name in OPTIONS && !OPTIONS[name as OptionName].commands.includes(command))
      throw wrong(`${command} has no option --${name}`);
  }
}

function asked(verb: Verb, disk: string | undefined, values: Values, env: Environment): Invocation {
  if (disk === undefined) throw wrong(`${verb}: name a disk (/dev/nvme1n1, loop3, or its identity)`);
  if (verb === 'release' && values.yes !== true)
    throw wrong(`release: it takes the owner mark off ${disk}; add --yes if that is what you want`);
  return { is: 'ask', order: { verb, disk }, stateDir: stateDirFrom(values, env) };
}

function optionsFrom(values: Values, env: Environment): Options {
  const text = (name: OptionName): string | undefined => textOf(name, OPTIONS[name], values, env);
  return {
    endpoint: text('endpoint') ?? '',
    config: text('config'),
    stateDir: stateDirFrom(values, env),
    nodeName: nodeName(text('node-name')),
    machineId: text('machine-id'),
    metricsAddress: metricsAddressOf(text('metrics-address')),
    logLevel: logLevelOf(text('log-level')),
    noKubernetes: flagOf('no-kubernetes', values, env),
    json: flagOf('json', values, env),
  };
}

function stateDirFrom(values: Values, env: Environment): string {
  return absolute('--state-dir', textOf('state-dir', OPTIONS['state-dir'], values, env) ?? '');
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
