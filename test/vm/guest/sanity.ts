import type { Access } from '../../sanity/csi-sanity.ts';
import { examine, type Place } from '../../sanity/examine.ts';
import type { Counts } from '../../suites.ts';

const TIMEOUT_MS = 20 * 60_000;

/** csi-sanity, whose program is at the path, on a disk of the guest. */
export const runSanity = (access: Access, sanity: string, place: Place): Promise<Counts> =>
  examine(access, sanity, place, AbortSignal.timeout(TIMEOUT_MS));
