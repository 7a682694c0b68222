import { createHash } from 'node:crypto';

/** A lower-case UUID with dashes. */
export type Uuid = string & { readonly brand: 'uuid' };

const FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The UUID in any case, or undefined when the text is none. */
export function parseUuid(text: string): Uuid | undefined {
  const lower = text.toLowerCase();
  return FORM.test(lower) ? (lower as Uuid) : undefined;
}

/** For constants and for bytes that are UUIDs by construction. */
export function uuid(text: string): Uuid {
  const parsed = parseUuid(text);
  if (parsed === undefined) throw new TypeError(`not a UUID: ${text}`);
  return parsed;
}

function dashed(bytes: Uint8Array): Uuid {
  const hex = Buffer.from(bytes).toString('hex');
  return uuid(
    [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-'),
  );
}

function hash(...parts: readonly string[]): Uint8Array {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(`${Buffer.byteLength(part)}:`).update(part);
  return sum.digest();
}

/**
 * The volume handle: a UUIDv8 (RFC 9562) whose first 48 bits are a hash of driver and node and the rest a hash
 * of the volume's name, so that a repeated CreateVolume finds its slice without a record and a volume of
 * another node is recognised.
 */
export function handleFor(driver: string, node: string, name: string): Uuid {
  const bytes = new Uint8Array(16);
  bytes.set(hash(driver, node).subarray(0, 6));
  bytes.set(hash(driver, node, name).subarray(0, 10), 6);
  return versioned(bytes);
}

/** With the bits of version 8 (RFC 9562). */
function versioned(random: Uint8Array): Uuid {
  const bytes = Uint8Array.from(random);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return dashed(bytes);
}

/** A UUIDv8 for what comes with another one and has no life of its own. */
export function derivedUuid(from: Uuid, what: string): Uuid {
  return versioned(hash(from, what).subarray(0, 16));
}

/** True when `handle` begins as the handles of this driver on this node do. */
export function isHandleOf(handle: Uuid, driver: string, node: string): boolean {
  const own = handleFor(driver, node, '');
  return handle.slice(0, 13) === own.slice(0, 13);
}

/** GUID as GPT stores it: the first three groups little-endian (UEFI specification 2.10, appendix A). */
export function guidFromBytes(bytes: Uint8Array): Uuid {
  return dashed(mixedEndian(bytes));
}

export function guidToBytes(guid: Uuid): Uint8Array {
  return mixedEndian(Buffer.from(guid.replaceAll('-', ''), 'hex'));
}

function mixedEndian(bytes: Uint8Array): Uint8Array {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, (from) => bytes[from] ?? 0);
}
