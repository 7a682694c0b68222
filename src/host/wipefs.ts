import type { Signature } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import type { HostCommand, HostResult } from './exec.ts';

const TIMEOUT_MS = 60_000;

/** Every signature with its place, also where there are several. Reads only. */
export function signaturesCommand(path: string): HostCommand {
  return {
    command: 'wipefs',
    args: ['--no-act', '--json', '--output', 'OFFSET,TYPE,USAGE', path],
    timeoutMs: 20_000,
    device: path,
  };
}

/** @throws DriverError `unknown` when the output is not what wipefs writes: silence would look like a blank disk */
export function parseSignatures(result: HostResult): readonly Signature[] {
  const text = Buffer.from(result.stdout).toString('utf8').trim();
  if (text === '') return [];
  const { signatures } = parseJson(text);
  if (!Array.isArray(signatures))
    throw new DriverError('unknown', 'wipefs listed no signatures, not even none');
  return signatures.map((entry: Readonly<Record<string, unknown>>) => ({
    usage: entry.usage === 'partition-table' ? 'table' : 'other',
    type: String(entry.type),
    at: `byte ${Number(entry.offset)}`,
  }));
}

function parseJson(text: string): { readonly signatures?: unknown } {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DriverError('unknown', 'wipefs wrote something other than JSON', { cause: error });
  }
}

/** Erases the magic bytes of whatever is there. Opens exclusively, so it fails where anything else is at work. */
export function wipeSignaturesCommand(path: string): HostCommand {
  return {
    command: 'wipefs',
    args: ['--all', '--quiet', path],
    timeoutMs: TIMEOUT_MS,
    device: path,
    effect: true,
  };
}
