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
  /** Said of one moment and one thing, so no variable stands for it. */
  readonly spoken?: true;
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
    throw wrong(refusalOf(error));
  }
}

/** What Node says of a wrong command line, in one line, and without its advice on arguments that begin with `-`. */
function refusalOf(error: unknown): string {
  const message = messageOf(error).replaceAll('\n', ' ');
  const unknown = /^Unknown option '[^']*'/.exec(message)?.[0];
  return unknown === undefined ? message : `${unknown}: --help lists those that there are`;
}

/** As given, else out of the environment, where an empty variable counts as none, else the fallback. */
export function textOf(
  name: string,
  { alias, fallback }: Described,
  values: Values,
  env: Environment,
): string | undefined {
  const given = values[name];
  if (typeof given === 'string') return given;
  const variables = [variableOf(name), ...(alias === undefined ? [] : [alias])];
  return (
    variables.map((variable) => env[variable]).find((text) => text !== undefined && text !== '') ?? fallback
  );
}

/** @throws DriverError `invalid-argument` for a variable that is neither `true` nor `false` */
export function flagOf(name: string, values: Values, env: Environment): boolean {
  if (values[name] === true) return true;
  const variable = variableOf(name);
  const text = env[variable] ?? '';
  if (['', 'true', 'false'].includes(text)) return text === 'true';
  throw wrong(`${variable} is "${text}", want true or false`);
}

export function variableOf(name: string): string {
  return `INSTANCE_STORE_CSI_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** An option as `--help` shows it. */
export function optionLines(
  name: string,
  { placeholder, help, fallback, alias, spoken }: Described,
): readonly string[] {
  const variables = spoken ? '' : [variableOf(name), ...(alias === undefined ? [] : [alias])].join(', ');
  const preset = fallback === undefined ? '' : ` (default ${fallback})`;
  return [`  ${`--${name} ${placeholder}`.padEnd(36)} ${variables}`.trimEnd(), `      ${help}${preset}`];
}

export function wrong(message: string): DriverError {
  return new DriverError('invalid-argument', message);
}
