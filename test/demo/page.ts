import { styleText } from 'node:util';

/** What the demo prints: numbered steps in columns, what happened below each, how long it took on the right. */

const NAME_COLUMNS = 11;
const ASKED_COLUMNS = 72;
const INDENT = ' '.repeat(4 + NAME_COLUMNS);

type Stream = { readonly isTTY?: boolean; write(text: string): unknown };
type Style = Parameters<typeof styleText>[0];

export type Told = {
  /** What was asked for: one line. */
  readonly asked: string;
  /** What happened on the disk: facts that were read, not hoped for. */
  readonly happened: readonly string[];
  readonly tookMs: number;
};

export class Page {
  private steps = 0;
  private readonly stream: Stream;
  private readonly colour: boolean;

  /** In colour on a terminal, unless NO_COLOR says otherwise (no-color.org). */
  constructor(stream: Stream, env: Readonly<Record<string, string | undefined>>) {
    this.stream = stream;
    this.colour = stream.isTTY === true && (env.NO_COLOR ?? '') === '';
  }

  step(name: string, { asked, happened, tookMs }: Told): void {
    this.steps += 1;
    const number = this.paint('dim', String(this.steps).padStart(2));
    const title = this.paint(['bold', 'cyan'], name.padEnd(NAME_COLUMNS));
    const took = this.paint('dim', shownMs(tookMs).padStart(9));
    this.line(`${number}  ${title}${asked.padEnd(ASKED_COLUMNS)}${took}`);
    for (const fact of happened) this.line(`${INDENT}${fact}`);
  }

  /** One line under no number; the words before the first two spaces stand out. */
  say(text: string): void {
    const [head = '', ...rest] = text.split('  ');
    this.line([this.paint('bold', head), ...rest].join('  '));
  }

  line(text = ''): void {
    this.stream.write(`${text}\n`);
  }

  count(): number {
    return this.steps;
  }

  private paint(style: Style, text: string): string {
    return this.colour ? styleText(style, text, { validateStream: false }) : text;
  }
}

export function shownMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Rows as aligned columns. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
