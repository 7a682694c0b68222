import type { V1ObjectMeta } from '@kubernetes/client-node';
import { isOfNode, MANAGED_BY_LABEL, managedByOf } from './managed-by.ts';

/** Which CSIStorageCapacity objects tell the capacity of a node that is gone. Pure. */

/** A node that is replaced under its own name takes its objects over. */
export const GRACE_MS = 120_000;

/** By uid of the object: since when its node has been seen to be absent. */
export type Absences = ReadonlyMap<string, number>;

/** The objects that no node of these names manages. */
export function withoutNode(
  objects: readonly V1ObjectMeta[],
  nodes: readonly string[],
): readonly V1ObjectMeta[] {
  const there = new Set(nodes.map(managedByOf));
  return objects.filter(({ labels }) => {
    const managedBy = labels?.[MANAGED_BY_LABEL] ?? '';
    return isOfNode(managedBy) && !there.has(managedBy);
  });
}

/** What has been absent all the time since an earlier look, and long enough, is due; one look is never enough. */
export function due(
  before: Absences,
  absent: readonly V1ObjectMeta[],
  nowMs: number,
): { readonly absences: Absences; readonly due: readonly V1ObjectMeta[] } {
  const absences = new Map(absent.map(({ uid = '' }) => [uid, before.get(uid) ?? nowMs]));
  return {
    absences,
    due: absent.filter(({ uid = '' }) => nowMs - (absences.get(uid) ?? nowMs) >= GRACE_MS),
  };
}
