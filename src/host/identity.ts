import type { Transport } from '../model/disk.ts';

/** What may tell a disk from every other; empty text = the kernel has none. */
export type IdentityFacts = {
  readonly transport: Transport;
  readonly wwid: string;
  readonly model: string;
  readonly serial: string;
  /** Namespace of an NVMe disk: several share one serial number. */
  readonly nsid: string;
  readonly backingFile: string;
};

/**
 * The text by which a disk is found again after a reboot in another slot, or undefined when the kernel gives nothing
 * unique: cheap disks and bridges report blanks, zeros or the same filler for every piece.
 */
export function identityOf(facts: IdentityFacts): string | undefined {
  if (facts.transport === 'loop') return loopIdentity(facts.backingFile);
  const wwid = facts.wwid.replaceAll(/\s+/g, ' ').trim();
  if (!isPlaceholderWwid(facts.wwid)) return wwid;
  if (isFiller(facts.serial)) return undefined;
  return [facts.model || facts.transport, facts.serial, facts.nsid].filter((part) => part !== '').join(':');
}

/** A deleted file's path may meanwhile belong to another file. */
function loopIdentity(backingFile: string): string | undefined {
  return backingFile === '' || backingFile.endsWith(' (deleted)') ? undefined : `loop:${backingFile}`;
}

/**
 * The kernel makes `nvme.VENDOR-SERIAL-MODEL-NSID` (serial and model in hex) for NVMe disks without a worldwide name,
 * and `t10.` + vendor (8), model (40) and serial (20) for ATA disks: neither says more than the serial in it.
 */
function isPlaceholderWwid(wwid: string): boolean {
  const [, kind, body] = /^([a-z0-9]+)\.(.*)$/s.exec(wwid) ?? [undefined, '', wwid];
  if (kind === 'nvme') return isFiller(fromHex(body?.split('-')[1] ?? ''));
  if (kind === 't10' && body?.startsWith('ATA ')) return isFiller(body.slice(48));
  return isFiller(body ?? '');
}

function fromHex(hex: string): string {
  return Buffer.from(hex, 'hex').toString('latin1');
}

/** Zeros, blanks (NULs show as `\0` in what the kernel escapes), or a word that means nothing. */
function isFiller(text: string): boolean {
  const core = text.replaceAll('\\0', '').replaceAll(/[\s\0.-]/g, '');
  return /^(0x)?0*$/.test(core) || /^(none|null|unknown|n\/?a|f+|x+)$/i.test(core);
}
