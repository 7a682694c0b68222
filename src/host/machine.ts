import { readFile } from 'node:fs/promises';
import { DriverError } from '../model/errors.ts';

/** What the host says of itself; undefined where the file is missing. */
export type MachineFacts = {
  readonly boardVendor: string | undefined;
  readonly boardAssetTag: string | undefined;
  readonly productUuid: string | undefined;
  readonly etcMachineId: string | undefined;
};

/** Product UUIDs that firmware gives out when nobody filled one in, as seen in the field. */
const FILLERS = new Set([
  '03000200-0400-0500-0006-000700080009',
  '00020003-0004-0005-0006-000700080009',
  '00010203-0405-0607-0809-0a0b0c0d0e0f',
  '03020100-0504-0706-0809-0a0b0c0d0e0f',
  '4c4c4544-0000-2010-8020-80c04f202020',
  '11111111-2222-3333-4444-555555555555',
]);

/**
 * What tells this machine from all others, for marks: the override, else the cloud's instance id, else the DMI
 * product UUID unless it is a filler, else systemd's machine id. Undefined when there is none of these.
 */
export function chooseMachineId(override: string | undefined, facts: MachineFacts): string | undefined {
  return override || instanceId(facts) || productUuid(facts.productUuid) || etcMachineId(facts.etcMachineId);
}

/** EC2 keeps it in the board's asset tag; elsewhere the tag is what an administrator glued on the case. */
function instanceId(facts: MachineFacts): string | undefined {
  if (facts.boardVendor !== 'Amazon EC2') return undefined;
  return /^i-[0-9a-f]{8,17}$/.exec(facts.boardAssetTag ?? '')?.[0];
}

function productUuid(text: string | undefined): string | undefined {
  const uuid = (text ?? '').toLowerCase();
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return undefined;
  const isOneDigit = new Set(uuid.replaceAll('-', '')).size === 1;
  const isOneByte = /^([0-9a-f]{2})\1{15}$/.test(uuid.replaceAll('-', ''));
  if (isOneDigit || isOneByte || FILLERS.has(uuid) || uuid.startsWith('12345678-1234-')) return undefined;
  return uuid;
}

/** `uninitialized` is what systemd writes into images. */
function etcMachineId(text: string | undefined): string | undefined {
  const id = text ?? '';
  return /^[0-9a-f]{32}$/.test(id) && !/^0+$/.test(id) ? id : undefined;
}

/** @throws DriverError `host-failed` when the host has no identity at all */
export async function machineId(override: string | undefined): Promise<string> {
  const dmi = '/sys/class/dmi/id';
  const chosen = chooseMachineId(override, {
    boardVendor: await readIfThere(`${dmi}/board_vendor`),
    boardAssetTag: await readIfThere(`${dmi}/board_asset_tag`),
    productUuid: await readIfThere(`${dmi}/product_uuid`),
    etcMachineId: await readHostFile('/etc/machine-id'),
  });
  if (chosen !== undefined) return chosen;
  const looked = `${dmi}/product_uuid holds none or a filler, /etc/machine-id none`;
  throw new DriverError('host-failed', `Cannot tell this machine from others: ${looked}; give --machine-id`);
}

/** As the machine's first process sees it: in a container the file of that name would be the image's. */
async function readHostFile(path: string): Promise<string | undefined> {
  return (await readIfThere(`/proc/1/root${path}`)) ?? (await readIfThere(path));
}

/** Undefined for whatever reason: the next source is asked then. */
async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return undefined;
  }
}
