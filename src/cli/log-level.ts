import { type Described, wrong } from './arguments.ts';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_LEVEL: Described = {
  type: 'string',
  placeholder: LOG_LEVELS.join('|'),
  help: 'how much is told',
  fallback: 'info',
};

/** @throws DriverError `invalid-argument` */
export function logLevelOf(text: string | undefined): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw wrong(`--log-level is "${text}", want one of ${LOG_LEVELS.join(', ')}`);
  return level;
}
