import type { Health } from '../model/volume.ts';
import type { StorageHealthErrorType } from './gen/csi/v1/StorageHealthErrorType.ts';
import type { VolumeHealthErrorType } from './gen/csi/v1/VolumeHealthErrorType.ts';

export const VOLUME_STATUS = {
  DEGRADED: 'DEGRADED',
  INACCESSIBLE: 'INACCESSIBLE',
  DATA_LOSS: 'DATA_LOSS',
} as const satisfies Record<Health['status'], VolumeHealthErrorType>;

/** The node's storage knows two states; what is lost cannot be reached. */
export const STORAGE_STATUS = {
  DEGRADED: 'STORAGE_DEGRADED',
  INACCESSIBLE: 'STORAGE_UNREACHABLE',
  DATA_LOSS: 'STORAGE_UNREACHABLE',
} as const satisfies Record<Health['status'], StorageHealthErrorType>;

/** An entry of an answer. CSI forbids two of one status and reason: their messages are joined, in order. */
export function merged<Status extends string>(
  findings: readonly Health[],
  status: Readonly<Record<Health['status'], Status>>,
): { status: Status; reason: string; message: string }[] {
  const groups = Map.groupBy(findings, (one) => `${status[one.status]} ${one.reason}`);
  return [...groups.values()].flatMap(([first, ...rest]) =>
    first === undefined
      ? []
      : [
          {
            status: status[first.status],
            reason: first.reason,
            message: [first, ...rest].map(({ message }) => message).join('; '),
          },
        ],
  );
}
