import { DriverError } from '../model/errors.ts';
import type { StringMap } from './decode-field.ts';
import type { Topology__Output } from './gen/csi/v1/Topology.ts';
import type { TopologyRequirement__Output } from './gen/csi/v1/TopologyRequirement.ts';

/** This node's segments. @throws DriverError `not-ready` until they are known */
export type OwnTopology = () => StringMap;

export function isOwn(topology: Topology__Output, own: StringMap): boolean {
  return Object.entries(topology.segments).every(([key, value]) => own[key] === value);
}

/**
 * Refuses a volume that must be reachable from other nodes only; which ones are preferred does not matter to a
 * driver that has one. @throws DriverError `exhausted`, so that the scheduler moves on
 */
export function demandOwn(requirement: TopologyRequirement__Output | null, own: StringMap): void {
  const requisite = requirement?.requisite ?? [];
  if (requisite.length === 0 || requisite.some((topology) => isOwn(topology, own))) return;
  throw new DriverError(
    'exhausted',
    `accessibility_requirements.requisite: found ${requisite
      .map(({ segments }) => show(segments))
      .join(' or ')
      .slice(0, 200)}, want this node, ${show(own)}`,
  );
}

function show(segments: StringMap): string {
  return Object.entries(segments)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
