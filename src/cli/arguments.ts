import { parseArgs } from 'node:util';
import { DriverError, messageOf } from '../model/errors.ts';

/** What the command lines of both processes have in common. */

/** One option; it can be given as INSTANCE_STORE_CSI_<OPTION> too. */
export type Described = {
  readonly type: 'string' | 'boolean';
  readonly placeholder: string;
  readonly help: string;
  readonly fallback: string | undefined;
  /** A variable that others set for us: Kubernetes' downward API and the CSI specification. */
  readonly alias?: string;
};

export type Values = Readonly<Record<string, string | boolean | undefined>>;
export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws DriverError `invalid-argument` naming the option */
export function parseArguments(
  argv: readonly string[],
  described: Readonly<Record<string, Described>>,
): { readonly values: Values; readonly positionals: readonly string[] } {
  const known = Object.fromEntries(Object.entries(described).map(([name, { type }]) => [name, { type }]));
  try {
    const options = {
      ...known,
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
    } as const;
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    throw wrong(messageOf(error));
  }
}

/** As given, else out of the environment, else the fallback. */
export function textOf(
  name: string,
  { alias, fallback }: Described,
  values: Values,
  env: Environment,
): string | undefined {
  const given = values[name];
  if (typeof given === 'string') return given;
  return env[variableOf(name)] ?? (alias === undefined ? undefined : env[alias]) ?? fallback;
}

export function variableOf(name: string): string {
  return `INSTANCE_STORE_CSI_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** An option as `--help` shows it. */
export function optionLines(
  name: string,
  { placeholder, help, fallback, alias }: Described,
): readonly string[] {
  const variables = [variableOf(name), ...(alias === undefined ? [] : [alias])].join(', ');
  const preset = fallback === undefined ? '' : ` (default ${fallback})`;
  return [`  --${name} ${placeholder}`.trimEnd(), `      ${help}${preset}; or ${variables}`];
}

export function wrong(message: string): DriverError {
  return new DriverError('invalid-argument', message);
}
