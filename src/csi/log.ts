import type { Logger } from 'pino';

/** What this room needs of pino. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
