import type { VolumeRecord } from './record.ts';
import type { Access, Capability, CreateRequest } from './volume.ts';

/**
 * Why a repeated CreateVolume asks for something else than the volume that bears its name, or undefined when it is
 * compatible (CSI specification, CreateVolume: size within range, capabilities, parameters).
 */
export function incompatibility(record: VolumeRecord, request: CreateRequest): string | undefined {
  const { requiredBytes, limitBytes } = request.size;
  if (requiredBytes !== undefined && record.sizeBytes < requiredBytes) {
    return `it has ${record.sizeBytes} bytes, required_bytes is ${requiredBytes}`;
  }
  if (limitBytes !== undefined && record.sizeBytes > limitBytes) {
    return `it has ${record.sizeBytes} bytes, limit_bytes is ${limitBytes}`;
  }
  if (request.parameters.pool !== undefined && request.parameters.pool !== record.pool) {
    return `it is in pool "${record.pool}", parameters.pool is "${request.parameters.pool}"`;
  }
  if (request.parameters.mkfsOptions.join(' ') !== record.mkfsOptions.join(' ')) {
    return `its mkfsOptions are "${record.mkfsOptions.join(' ')}"`;
  }
  const missing = request.capabilities.find(
    (wanted) => !record.capabilities.some((has) => isSameCapability(has, wanted)),
  );
  return missing === undefined
    ? undefined
    : `it was made for ${record.capabilities.map(inWords).join(', ')}, not for ${inWords(missing)}`;
}

function isSameCapability(a: Capability, b: Capability): boolean {
  return a.mode === b.mode && isSameAccess(a.access, b.access);
}

/** Mount flags do not make another volume: they are the mount's. */
function isSameAccess(a: Access, b: Access): boolean {
  if (a.type === 'block' || b.type === 'block') return a.type === b.type;
  return a.fsType === b.fsType;
}

function inWords({ access, mode }: Capability): string {
  return `${access.type === 'block' ? 'a raw block volume' : access.fsType} ${mode}`;
}
