import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { deserialize, serialize } from 'node:v8';
import type { Disk } from './disk.ts';

/** What the host and the agent in the guest say to each other, a line each. */

export type GuestDisk = Pick<Disk, 'serial' | 'uuid' | 'kind'>;

export type Request = { readonly id: number } & Wish;

export type Wish =
  /** First of all. Shows disks as what they are, in this order, and returns their `Devices` when all are there. */
  | { readonly is: 'begin'; readonly disks: readonly GuestDisk[] }
  /** Returns the `Exit` of a program. */
  | { readonly is: 'run'; readonly argv: readonly [string, ...string[]] }
  /** Returns what an exported function of a module does; the module stays loaded until the machine ends. */
  | {
      readonly is: 'call';
      readonly module: string;
      readonly name: string;
      readonly args: readonly unknown[];
    }
  /** Shuts the machine down. Returns nothing, as soon as that has begun. */
  | { readonly is: 'end' };

/** Paths in the guest by serial numbers. */
export type Devices = ReadonlyMap<string, string>;

export type Exit = { readonly code: number | null; readonly signal: string | null };

export type Reply = Output | Returned | Threw;

/** Of a program that runs, or of a module if there is no id. */
type Output = { readonly is: 'output'; readonly id?: number; readonly text: string };

export type Returned = { readonly is: 'returned'; readonly id: number; readonly value: unknown };

export type Threw = {
  readonly is: 'threw';
  readonly id: number;
  readonly message: string;
  /** Of a gRPC error, its status. */
  readonly code?: unknown;
};

export const encode = (message: Request | Reply): string => `${serialize(message).toString('base64')}\n`;

export async function* decode<T extends Request | Reply>(stream: Readable): AsyncGenerator<T> {
  for await (const line of createInterface({ input: stream })) {
    yield deserialize(Buffer.from(line, 'base64')) as T;
  }
}

export function threw(id: number, error: unknown): Threw {
  const { code } = error as { readonly code?: unknown };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { is: 'threw', id, message, code };
}
