import { checkMountOptions } from '../host/mount.ts';
import { DriverError } from '../model/errors.ts';
import {
  ACCESS_MODES,
  type Access,
  type AccessMode,
  type Capability,
  DEFAULT_FS_TYPE,
  FS_TYPES,
  type FsType,
  type NodeCapability,
} from '../model/volume.ts';
import { bytesOf, checkText, MAP_BYTES_MAX, quote, refuse } from './decode-field.ts';
import type { VolumeCapability__Output } from './gen/csi/v1/VolumeCapability.ts';

/** A capability is ours, or well-formed and not ours; what is malformed throws `invalid-argument` at once. */
type Decoded<T> =
  | { readonly is: 'supported'; readonly value: T }
  | { readonly is: 'unsupported'; readonly why: string };

const supported = <T>(value: T): Decoded<T> => ({ is: 'supported', value });
const unsupported = (why: string): Decoded<never> => ({ is: 'unsupported', why });

/** What a list of capabilities asks for, and why parts of it cannot be had here. */
export type CapabilityList = {
  readonly capabilities: readonly Capability[];
  readonly unsupported: readonly string[];
};

/** @throws DriverError `invalid-argument` when the list is empty, malformed or contradicts itself */
export function decodeCapabilities(field: string, raws: readonly VolumeCapability__Output[]): CapabilityList {
  const decoded = raws.map((raw, index) => decode(`${field}[${index}]`, raw));
  const capabilities = decoded.flatMap((one) => (one.is === 'supported' ? [one.value] : []));
  refuseContradictions(field, capabilities);
  return { capabilities, unsupported: decoded.flatMap((one) => (one.is === 'unsupported' ? [one.why] : [])) };
}

/** A list that must be ours altogether. @throws DriverError `invalid-argument` */
export function demandCapabilities(
  field: string,
  raws: readonly VolumeCapability__Output[],
): readonly Capability[] {
  const list = decodeCapabilities(field, raws);
  const why = list.unsupported[0];
  if (why !== undefined) throw new DriverError('invalid-argument', why);
  return list.capabilities;
}

/** The one capability of a node call. @throws DriverError `invalid-argument` when malformed, `unsupported` when not ours */
export function demandCapability(field: string, raw: VolumeCapability__Output): NodeCapability {
  const decoded = decode(field, raw);
  if (decoded.is === 'unsupported') throw new DriverError('unsupported', decoded.why);
  const { access, mode } = decoded.value;
  const unnamed = access.type === 'mount' && raw.mount?.fs_type === '';
  return { mode, access: unnamed ? { ...access, fsType: undefined } : access };
}

/** The filesystem that a list asks for; undefined for raw block and for an empty list. */
export function fsTypeOf(capabilities: readonly Capability[]): FsType | undefined {
  const [first] = capabilities;
  return first?.access.type === 'mount' ? first.access.fsType : undefined;
}

function decode(field: string, raw: VolumeCapability__Output): Decoded<Capability> {
  if (raw.access_type === undefined) refuse(`${field}.access_type`, 'nothing', 'mount or block');
  if (raw.access_mode === null)
    refuse(`${field}.access_mode`, 'nothing', `one of ${ACCESS_MODES.join(', ')}`);
  const mode = decodeMode(`${field}.access_mode`, raw.access_mode.mode);
  const access = decodeAccess(field, raw);
  if (mode.is === 'unsupported') return mode;
  if (access.is === 'unsupported') return access;
  return supported({ access: access.value, mode: mode.value });
}

/** An enum value that csi.proto 1.13 does not know comes as a number. */
function decodeMode(field: string, mode: string | number): Decoded<AccessMode> {
  const ours = ACCESS_MODES.find((known) => known === mode);
  if (ours !== undefined) return supported(ours);
  if (mode === 'UNKNOWN') refuse(field, 'UNKNOWN', `one of ${ACCESS_MODES.join(', ')}`);
  if (!String(mode).startsWith('MULTI_NODE_')) {
    return unsupported(`${field}: found the unknown mode ${mode}, want one of ${ACCESS_MODES.join(', ')}`);
  }
  return unsupported(
    `${field}: found ${mode}, but a local disk is on one node: use ReadWriteOnce or ReadWriteOncePod; for ReadWriteMany use a network filesystem`,
  );
}

function decodeAccess(field: string, raw: VolumeCapability__Output): Decoded<Access> {
  if (!raw.mount) return supported({ type: 'block' });
  const { fs_type, mount_flags, volume_mount_group } = raw.mount;
  checkFlagsSize(`${field}.mount.mount_flags`, mount_flags);
  const fsType = decodeFsType(`${field}.mount.fs_type`, fs_type);
  if (fsType.is === 'unsupported') return fsType;
  if (volume_mount_group !== '') {
    return unsupported(
      `${field}.mount.volume_mount_group: found ${quote(volume_mount_group)}, want nothing: the kubelet sets the group itself (fsGroup of the pod)`,
    );
  }
  const options = checkMountOptions(mount_flags);
  if ('refused' in options) return unsupported(`${field}.mount.mount_flags: ${options.refused}`);
  return supported({ type: 'mount', fsType: fsType.value, mountFlags: options.ok });
}

function checkFlagsSize(field: string, flags: readonly string[]): void {
  const bytes = bytesOf(flags);
  if (bytes > MAP_BYTES_MAX) refuse(field, `${bytes} bytes`, `at most ${MAP_BYTES_MAX}`);
}

function decodeFsType(field: string, text: string): Decoded<FsType> {
  if (text === '') return supported(DEFAULT_FS_TYPE);
  const ours = FS_TYPES.find((known) => known === checkText(field, text));
  return ours === undefined
    ? unsupported(`${field}: found ${quote(text)}, want one of ${FS_TYPES.join(', ')}`)
    : supported(ours);
}

/** Capabilities that no one volume can have together. */
function refuseContradictions(field: string, capabilities: readonly Capability[]): void {
  const types = new Set(capabilities.map(({ access }) => access.type));
  const fsTypes = new Set(
    capabilities.flatMap(({ access }) => (access.type === 'mount' ? [access.fsType] : [])),
  );
  const modes = new Set(capabilities.map(({ mode }) => mode));
  if (types.size > 1)
    refuse(field, 'both block and mount', 'one of them: a volume is a filesystem or raw block');
  if (fsTypes.size > 1) refuse(field, `the filesystems ${[...fsTypes].join(' and ')}`, 'one of them');
  if (modes.has('SINGLE_NODE_SINGLE_WRITER') && modes.has('SINGLE_NODE_MULTI_WRITER')) {
    refuse(field, 'both SINGLE_NODE_SINGLE_WRITER and SINGLE_NODE_MULTI_WRITER', 'one of them');
  }
}
