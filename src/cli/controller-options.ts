import type { ListenAddress } from '../metrics/server.ts';
import {
  type Described,
  type Environment,
  optionLines,
  parseArguments,
  textOf,
  variableOf,
  wrong,
} from './arguments.ts';
import { LOG_LEVEL, type LogLevel, logLevelOf } from './log-level.ts';
import { METRICS_ADDRESS, metricsAddressOf } from './metrics-address.ts';

/** The command line of the controller process. */

export type ControllerOptions = {
  readonly endpoint: string;
  readonly podName: string;
  readonly namespace: string;
  readonly kubeconfig: string | undefined;
  /** Undefined: metrics are not served. */
  readonly metricsAddress: ListenAddress | undefined;
  readonly logLevel: LogLevel;
};

export type ControllerInvocation =
  | { readonly is: 'help' }
  | { readonly is: 'version' }
  | { readonly is: 'run'; readonly options: ControllerOptions };

type OptionName = 'endpoint' | 'pod-name' | 'namespace' | 'kubeconfig' | 'metrics-address' | 'log-level';

export const CONTROLLER_OPTIONS: { readonly [N in OptionName]: Described } = {
  endpoint: {
    type: 'string',
    placeholder: 'unix:///PATH',
    help: 'Unix socket to serve CSI on, for external-resizer',
    fallback: 'unix:///run/instance-store-csi/controller.sock',
    alias: 'CSI_ENDPOINT',
  },
  'pod-name': {
    type: 'string',
    placeholder: 'NAME',
    help: 'who this process is among its replicas: one of them works',
    fallback: undefined,
    alias: 'POD_NAME',
  },
  namespace: {
    type: 'string',
    placeholder: 'NAME',
    help: "namespace of the driver's pods: of its lease and of its CSIStorageCapacity objects",
    fallback: undefined,
    alias: 'POD_NAMESPACE',
  },
  kubeconfig: {
    type: 'string',
    placeholder: 'FILE',
    help: 'cluster and credentials (default: those of the pod it runs in)',
    fallback: undefined,
    alias: 'KUBECONFIG',
  },
  'metrics-address': METRICS_ADDRESS,
  'log-level': LOG_LEVEL,
};

/** @throws DriverError `invalid-argument` naming the option, what was found and what is wanted */
export function parseControllerInvocation(argv: readonly string[], env: Environment): ControllerInvocation {
  const { values, positionals } = parseArguments(argv, CONTROLLER_OPTIONS);
  if (values.version === true) return { is: 'version' };
  if (values.help === true) return { is: 'help' };
  if (positionals.length > 0) throw wrong(`controller: unexpected argument "${positionals[0]}"`);
  const text = (name: OptionName): string | undefined =>
    textOf(name, CONTROLLER_OPTIONS[name], values, env) || undefined;
  const demanded = (name: OptionName): string => {
    const { alias } = CONTROLLER_OPTIONS[name];
    const found = text(name);
    if (found === undefined)
      throw wrong(`--${name} is missing; give it, or set ${alias ?? variableOf(name)}`);
    return found;
  };
  return {
    is: 'run',
    options: {
      endpoint: demanded('endpoint'),
      podName: demanded('pod-name'),
      namespace: demanded('namespace'),
      kubeconfig: text('kubeconfig'),
      metricsAddress: metricsAddressOf(text('metrics-address')),
      logLevel: logLevelOf(text('log-level')),
    },
  };
}

export function controllerHelp(): string {
  return [
    `instance-store-csi controller: ${CONTROLLER_PURPOSE}`,
    '',
    'Usage: instance-store-csi controller [OPTIONS]',
    '',
    'Options:',
    ...Object.entries(CONTROLLER_OPTIONS).flatMap(([name, option]) => optionLines(name, option)),
    '  --help, --version',
    '',
  ].join('\n');
}

export const CONTROLLER_PURPOSE =
  'what is done once for the whole cluster: startup taints, capacity of lost nodes';
