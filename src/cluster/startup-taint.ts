import type { V1CSINode, V1Node, V1StorageClass } from '@kubernetes/client-node';

/** When a node's startup taint may go, and how. Pure. */

/** Any effect. Whoever makes nodes sets it; a pod that needs a volume then waits until one can be had. */
export const STARTUP_TAINT = 'instance-store.csi.dev/agent-not-ready';

/** After a power cut an old registration socket makes a node list the driver for half a second, too early. */
export const STEADY_MS = 5_000;
/** A class may come later, or never work on this node: the taint does not wait for ever. */
export const PATIENCE_MS = 60_000;

/** A CSINode that lists the driver, and since when it has been as it is; `settled`: nothing is left to do. */
export type Registration = {
  readonly node: string;
  readonly version: string;
  readonly sinceMs: number;
  readonly settled: boolean;
};

/**
 * The registrations that there are now. A CSINode is written when a driver registers or leaves, so one of unchanged
 * version has listed the driver all the time; any change begins the wait anew.
 */
export function registrations(
  before: ReadonlyMap<string, Registration>,
  csiNodes: readonly V1CSINode[],
  driver: string,
  nowMs: number,
): ReadonlyMap<string, Registration> {
  return new Map(
    csiNodes
      .filter((csiNode) => listsDriver(csiNode, driver))
      .map((csiNode) => {
        const [node, version] = [csiNode.metadata?.name ?? '', versionOf(csiNode)];
        const known = before.get(node);
        return [node, known?.version === version ? known : { node, version, sinceMs: nowMs, settled: false }];
      }),
  );
}

/** Before the first driver the API server sends null, which the type does not say. */
function listsDriver({ spec }: V1CSINode, driver: string): boolean {
  return (spec.drivers ?? []).some(({ name }) => name === driver);
}

/** One state of one life of the object. */
export function versionOf({ metadata }: V1CSINode): string {
  return `${metadata?.uid}:${metadata?.resourceVersion}`;
}

/** Registrations to look at: unchanged for long enough, and not settled. */
export function steady(all: Iterable<Registration>, nowMs: number): readonly Registration[] {
  return [...all].filter(({ sinceMs, settled }) => !settled && nowMs - sinceMs >= STEADY_MS);
}

export type LiftFacts = {
  /** Whether a CSIStorageCapacity of this node is there. */
  readonly hasCapacity: boolean;
  /** external-provisioner makes such objects for classes of the driver that wait for their first consumer only. */
  readonly hasDelayedClass: boolean;
  readonly registeredForMs: number;
};

/** Why the taint of a registered node may go now, in words; undefined while it must wait. */
export function reasonToLift({
  hasCapacity,
  hasDelayedClass,
  registeredForMs,
}: LiftFacts): string | undefined {
  if (hasCapacity) return 'registered, and its capacity is known';
  if (!hasDelayedClass) return 'registered, and no class asks for its capacity';
  if (registeredForMs >= PATIENCE_MS)
    return `registered for ${PATIENCE_MS / 1_000} s, and still without capacity`;
  return undefined;
}

export function isDelayed({ provisioner, volumeBindingMode }: V1StorageClass, driver: string): boolean {
  return provisioner === driver && volumeBindingMode === 'WaitForFirstConsumer';
}

type JsonPatch = readonly (
  | { readonly op: 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
)[];

/**
 * A JSON patch that removes the startup taint, whatever its effect; undefined for a node without it. Each removal is
 * behind a test of what stands at its place, the last one first: where taints came or went meanwhile, the API server
 * refuses the whole patch, and no other taint is lost.
 */
export function patchOf({ metadata, spec }: V1Node): JsonPatch | undefined {
  const places = (spec?.taints ?? []).flatMap(({ key }, place) => (key === STARTUP_TAINT ? [place] : []));
  if (places.length === 0) return undefined;
  return [
    { op: 'test', path: '/metadata/uid', value: metadata?.uid },
    ...places.reverse().flatMap(
      (place): JsonPatch => [
        { op: 'test', path: `/spec/taints/${place}/key`, value: STARTUP_TAINT },
        { op: 'remove', path: `/spec/taints/${place}` },
      ],
    ),
  ];
}
