import { DriverError } from '../model/errors.ts';

/** One call at a time on a volume: a second one is told to come again (ABORTED), as CSI wants it. */
export type VolumeLocks = { run<T>(handle: string, what: string, act: () => Promise<T>): Promise<T> };

export function createVolumeLocks(): VolumeLocks {
  const held = new Map<string, string>();
  return {
    async run(handleText, what, act) {
      const handle = handleText.toLowerCase();
      const other = held.get(handle);
      if (other !== undefined) {
        throw new DriverError(
          'busy',
          `Cannot ${what} volume ${handle}: still busy to ${other} it; repeat the call`,
        );
      }
      held.set(handle, what);
      try {
        return await act();
      } finally {
        held.delete(handle);
      }
    },
  };
}
