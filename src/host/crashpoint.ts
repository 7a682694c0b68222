import { appendFileSync } from 'node:fs';

/**
 * Kill points around everything that changes a disk, the kernel or the state directory (law 4). A test facility of
 * the shipped bundle: off unless INSTANCE_STORE_CSI_CRASHPOINTS is set, see crashpointsFromEnvironment().
 */
export type Crashpoints = {
  before(effect: string): void;
  /** A child process has started and works on the effect. */
  during(effect: string): void;
  after(effect: string): void;
};

export const NO_CRASHPOINTS: Crashpoints = { before() {}, during() {}, after() {} };

/**
 * - `record:FILE` appends a line of JSON for each point: `{n, effect, side, ms?}`. Before and after count from 1;
 *   a line of `during` bears the number of the point before it; ms says how long the effect took.
 * - `kill:N` ends this process by SIGKILL at point N.
 * - `kill:N+MS` ends it MS milliseconds (fractions allowed) after the command behind point N was spawned.
 *
 * @throws TypeError on any other text: a crash test that tests nothing must not pass.
 */
export function crashpointsFromEnvironment(env: Readonly<Record<string, string | undefined>>): Crashpoints {
  const text = env.INSTANCE_STORE_CSI_CRASHPOINTS;
  if (text === undefined || text === '') return NO_CRASHPOINTS;
  if (text.startsWith('record:')) return recording(text.slice('record:'.length));
  const match = /^kill:([0-9]+)(?:\+([0-9]+(?:\.[0-9]+)?))?$/.exec(text);
  if (match === null)
    throw new TypeError(
      `INSTANCE_STORE_CSI_CRASHPOINTS: found ${text}, want record:FILE, kill:N or kill:N+MS`,
    );
  return killing(Number(match[1]), match[2] === undefined ? undefined : Number(match[2]));
}

function recording(file: string): Crashpoints {
  let n = 0;
  const startedAtMs = new Map<string, number>();
  const line = (effect: string, side: 'before' | 'during' | 'after', ms?: number) =>
    appendFileSync(file, `${JSON.stringify({ n, effect, side, ms })}\n`);
  return {
    before(effect) {
      n += 1;
      startedAtMs.set(effect, performance.now());
      line(effect, 'before');
    },
    during(effect) {
      startedAtMs.set(effect, performance.now());
      line(effect, 'during');
    },
    after(effect) {
      n += 1;
      line(effect, 'after', performance.now() - (startedAtMs.get(effect) ?? Number.NaN));
    },
  };
}

function killing(at: number, delayMs: number | undefined): Crashpoints {
  let n = 0;
  let armed: string | undefined;
  const count = () => {
    n += 1;
    if (n === at && delayMs === undefined) killSelf();
  };
  return {
    before(effect) {
      count();
      if (n === at) armed = effect;
    },
    during(effect) {
      if (armed !== effect || delayMs === undefined) return;
      armed = undefined;
      killAfter(performance.now() + delayMs);
    },
    after: count,
  };
}

/** Spins through the event loop, as timers know whole milliseconds only and the child still wants its stdin. */
function killAfter(deadlineMs: number): void {
  if (performance.now() >= deadlineMs) killSelf();
  setImmediate(() => killAfter(deadlineMs));
}

function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
}
