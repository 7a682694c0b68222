import { type ServiceError, status } from '@grpc/grpc-js';

/** How a call ended: its code by name, and the driver's words when it was refused. */
export type Answer = { readonly code: string; readonly message: string };

/** @throws what is no answer of a server */
export async function answerOf(call: Promise<unknown>): Promise<Answer> {
  try {
    await call;
    return { code: 'OK', message: '' };
  } catch (error) {
    const { code, details } = error as ServiceError;
    if (typeof code !== 'number') throw error;
    return { code: status[code] ?? String(code), message: details };
  }
}
