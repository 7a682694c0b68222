import { DriverError } from '../../../src/model/errors.ts';

/** What `act` refuses with, as `kind: message`; its value when it does not. */
export function refusal(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    return `${error.kind}: ${error.message}`;
  }
}
