/** How external-provisioner says which node's capacity an object tells (v6.3.0: pkg/capacity/capacity.go). */
export const DRIVER_LABEL = 'csi.storage.k8s.io/drivername';
export const MANAGED_BY_LABEL = 'csi.storage.k8s.io/managed-by';

const BASE = 'external-provisioner';
const LABEL_CHARACTERS_MAX = 63;

/** True for objects of a provisioner that runs on a node; a central one says `external-provisioner` alone. */
export function isOfNode(managedBy: string): boolean {
  return managedBy.startsWith(`${BASE}-`) || managedBy.includes(`-${fnv1a(BASE)}-`);
}

/**
 * The label of the objects of one node: its name behind a dash, and where that is too long for a label, a hash in
 * place of what does not fit (v6.3.0: cmd/csi-provisioner/util.go).
 */
export function managedByOf(node: string): string {
  const whole = `${BASE}-${node}`;
  if (whole.length <= LABEL_CHARACTERS_MAX) return whole;
  const room = LABEL_CHARACTERS_MAX - '-12345678-'.length - node.length;
  if (room <= 0) return `${BASE}-${fnv1a(whole)}`;
  return `${BASE.slice(0, room)}-${fnv1a(BASE)}-${node}`;
}

/** FNV-1a of 32 bits, as eight hexadecimal digits. */
function fnv1a(text: string): string {
  let sum = 0x811c9dc5;
  for (const byte of Buffer.from(text)) sum = Math.imul(sum ^ byte, 0x01000193) >>> 0;
  return sum.toString(16).padStart(8, '0');
}
