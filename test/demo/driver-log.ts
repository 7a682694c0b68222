import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The driver's log, read as it grows: JSON, one object a line. */

export type Line = Readonly<Record<string, unknown>> & { readonly msg: string; readonly level: number };

const POLL_MS = 15;

export class DriverLog {
  private readonly path: string;
  private at = 0;
  private rest = '';

  constructor(path: string) {
    this.path = path;
  }

  /**
   * The lines that came since the last call, until one satisfies `last`.
   * @throws when none does in time, or when told to stop
   */
  async until(
    last: (line: Line) => boolean,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<readonly Line[]> {
    const deadline = Date.now() + timeoutMs;
    const lines: Line[] = [];
    for (;;) {
      const fresh = await this.fresh();
      lines.push(...fresh);
      if (fresh.some(last)) return lines;
      if (Date.now() > deadline) throw new Error(`the driver's log lacks a line after ${timeoutMs} ms`);
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  async fresh(): Promise<readonly Line[]> {
    const file = await open(this.path, 'r');
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(size - this.at);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, this.at);
      this.at += bytesRead;
      const lines = `${this.rest}${buffer.toString('latin1', 0, bytesRead)}`.split('\n');
      this.rest = lines.pop() ?? '';
      return lines.flatMap(parse);
    } finally {
      await file.close();
    }
  }
}

/** What a killed driver wrote last may be half a line: nothing to count. */
function parse(text: string): readonly Line[] {
  try {
    return [JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) as Line];
  } catch {
    return [];
  }
}

/** `6 host commands: 2 dd, sfdisk, …`, in the order in which they first ran. */
export function commandsIn(lines: readonly Line[]): string {
  const names = lines
    .filter(({ msg }) => msg === 'host command')
    .map(({ command }) => nameOf(String(command)));
  const shown = [...new Set(names)].map((name) => {
    const times = names.filter((other) => other === name).length;
    return times === 1 ? name : `${times} ${name}`;
  });
  if (names.length === 0) return 'no host command';
  return `${names.length} host command${names.length === 1 ? '' : 's'}: ${shown.join(', ')}`;
}

/** The driver's own reader of disks is a Node program of its own. */
function nameOf(command: string): string {
  return basename(command) === 'node' ? 'probe' : command;
}
