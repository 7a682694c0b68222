import { execa, type Options } from 'execa';

const TOOL_TIMEOUT_MS = 120_000;

/**
 * Runs one program of the host to its end and returns its standard output.
 * @throws when it fails, or takes longer than two minutes unless told otherwise; the message carries its standard error
 */
export async function run(file: string, args: readonly string[], options: Options = {}): Promise<string> {
  const { stdout } = await execa(file, args, { stdin: 'ignore', timeout: TOOL_TIMEOUT_MS, ...options });
  return String(stdout);
}
