import { type Logger, pino } from 'pino';
import type { ExecEvent } from '../host/exec.ts';
import type { Notice } from '../model/notice.ts';
import type { LogLevel } from './log-level.ts';

/** One JSON object a line on standard output, synchronous: what was logged before a kill is there. */
export function createLog(level: LogLevel): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
}

const LEVELS: { readonly [N in Notice['notice']]: 'debug' | 'info' | 'warn' | 'error' } = {
  'disk-taken': 'info',
  erasing: 'info',
  'disk-refused': 'info',
  'disk-served': 'info',
  'disk-gone': 'warn',
  'disk-cordoned': 'info',
  'disk-uncordoned': 'info',
  'disk-released': 'info',
  'cordons-unread': 'error',
  'array-whole': 'info',
  'array-degraded': 'warn',
  'array-lost': 'error',
  'array-waiting': 'warn',
  'pool-differs': 'warn',
  step: 'info',
  'step-failed': 'error',
  contradiction: 'warn',
  provisioned: 'info',
  prepared: 'info',
  expanded: 'info',
  quarantined: 'info',
  sanitizing: 'info',
  sanitized: 'info',
  'sanitize-failed': 'error',
  'data-loss': 'error',
  orphan: 'warn',
  hostname: 'info',
  'cluster-silent': 'warn',
  'record-set-aside': 'error',
};

export function logNotice(log: Logger, notice: Notice): void {
  const { notice: name, ...facts } = notice;
  const shown = Object.entries(facts).map(([key, value]) => [key, shownFact(value)]);
  log[LEVELS[name]](Object.fromEntries(shown), name);
}

/** Bytes as decimal text, milliseconds with one decimal. */
function shownFact(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return typeof value === 'number' ? Math.round(value * 10) / 10 : value;
}

export function logCommand(log: Logger, { command, args, durationMs, ending }: ExecEvent): void {
  log.debug({ command, args, durationMs: shownFact(durationMs), ending }, 'host command');
}
