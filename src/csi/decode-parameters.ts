import { checkMkfsOptions } from '../host/mkfs-options.ts';
import { DriverError } from '../model/errors.ts';
import { parseUuid } from '../model/uuid.ts';
import type { Claim, FsType, VolumeContext, VolumeParameters } from '../model/volume.ts';
import { checkMap, checkText, quote, refuse, type StringMap } from './decode-field.ts';

const KNOWN = ['pool', 'mkfsOptions', 'onDataLoss'] as const;
const isKnown = (key: string): boolean => KNOWN.some((known) => known === key);

/** What Kubernetes' own parts put into a StorageClass or add to it: theirs to check, and nothing of the volume's. */
const SIDECAR_PREFIX = 'csi.storage.k8s.io/';

/**
 * Parameters of a StorageClass. mkfsOptions are checked against the volume's filesystem, and mean nothing for
 * raw block (`fsType` undefined): one class may serve both.
 * @throws DriverError `invalid-argument`
 */
export function decodeParameters(raw: StringMap, fsType: FsType | undefined): VolumeParameters {
  checkMap('parameters', raw);
  const strange = Object.keys(raw).find((key) => !isKnown(key) && !key.startsWith(SIDECAR_PREFIX));
  if (strange !== undefined)
    refuse('parameters', `the unknown key ${quote(strange)}`, `one of ${KNOWN.join(', ')}`);
  checkOnDataLoss(raw.onDataLoss);
  return {
    pool: decodePool('parameters.pool', raw.pool),
    mkfsOptions: decodeMkfsOptions(raw.mkfsOptions, fsType),
  };
}

/** Whose volume it is, where external-provisioner tells all of it. Never refused: no answer depends on it. */
export function decodeClaim(raw: StringMap): Claim | undefined {
  const [namespace, name, volume] = ['pvc/namespace', 'pvc/name', 'pv/name'].map(
    (key) => raw[`${SIDECAR_PREFIX}${key}`],
  );
  return namespace && name && volume ? { namespace, name, volume } : undefined;
}

/**
 * The part of raw StorageClass parameters that capacity depends on. A mistake in the rest is CreateVolume's to
 * name: its words reach the claim's events, whereas a refused GetCapacity reads as a full node.
 */
export function decodeCapacityParameters(raw: StringMap): VolumeParameters {
  checkMap('parameters', raw);
  return { pool: decodePool('parameters.pool', raw.pool), mkfsOptions: [] };
}

/** Keys that others add are let be; ours are only ever compared with what the volume's own mark says. */
export function decodeContext(raw: StringMap): VolumeContext {
  checkMap('volume_context', raw);
  return {
    pool: decodePool('volume_context.pool', raw.pool),
    mark: decodeMark('volume_context.mark', raw.mark),
    machine: raw.machine === undefined ? undefined : checkText('volume_context.machine', raw.machine),
  };
}

function decodeMkfsOptions(text: string | undefined, fsType: FsType | undefined): readonly string[] {
  if (text === undefined || fsType === undefined) return [];
  const options = checkMkfsOptions(fsType, text);
  if ('refused' in options)
    throw new DriverError('invalid-argument', `parameters.mkfsOptions: ${options.refused}`);
  return options.ok;
}

function decodePool(field: string, text: string | undefined): string | undefined {
  if (text === '') refuse(field, 'nothing', 'the name of a pool, or no such key');
  return text === undefined ? undefined : checkText(field, text);
}

function decodeMark(field: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return parseUuid(text) ?? refuse(field, quote(text), 'a UUID');
}

function checkOnDataLoss(text: string | undefined): void {
  if (text === undefined || text === 'fail') return;
  const field = 'parameters.onDataLoss';
  if (text === 'recreate')
    refuse(field, '"recreate"', '"fail": this version never makes a lost volume anew by itself');
  refuse(field, quote(text), '"fail"');
}
