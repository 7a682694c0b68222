import { fileURLToPath } from 'node:url';
import type { Content, DiskBytes, Signature } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import * as blkid from './blkid.ts';
import type { Exec, HostCommand } from './exec.ts';
import type { ProbeOptions, ProbeReport } from './probe-child.ts';
import * as wipefs from './wipefs.ts';

const TIMEOUT_MS = 20_000;
/** 84 MiB of a slow disk, most of it scattered. */
const SAMPLING_TIMEOUT_MS = 120_000;

/**
 * Reads what a disk has to say, in bounded children. Whatever goes wrong is `failed`, which is never blank. For a
 * moment the disk is opened exclusively: hold its lock, or another's mount on it may see "busy".
 */
export async function probeDisk(
  exec: Exec,
  disk: { readonly path: string; readonly sizeBytes: bigint },
  options: ProbeOptions,
): Promise<Content> {
  try {
    const { stdout } = await exec(probeCommand(disk.path, options));
    const report = JSON.parse(Buffer.from(stdout).toString('utf8')) as ProbeReport;
    if (BigInt(report.sizeBytes) !== disk.sizeBytes) {
      return { is: 'failed', why: `${disk.path} has ${report.sizeBytes} bytes, but had ${disk.sizeBytes}` };
    }
    const signatures = await readSignatures(exec, disk.path);
    return { is: 'read', bytes: { ...bytesOf(report), signatures } };
  } catch (error) {
    if (error instanceof DriverError || error instanceof SyntaxError)
      return { is: 'failed', why: error.message };
    throw error;
  }
}

/** wipefs tells places and fails where it cannot read; blkid knows a few kinds more. */
async function readSignatures(exec: Exec, path: string): Promise<readonly Signature[]> {
  const placed = wipefs.parseSignatures(await exec(wipefs.signaturesCommand(path)));
  const others = blkid.parseSignatures(await exec(blkid.signaturesCommand(path)));
  const known = new Set(placed.map(({ type }) => type));
  return placed.length > 1 ? placed : [...placed, ...others.filter(({ type }) => !known.has(type))];
}

export function probeCommand(path: string, options: ProbeOptions): HostCommand {
  return {
    command: process.execPath,
    args: [probeProgram(import.meta.url), path, JSON.stringify(options)],
    timeoutMs: options.sample || options.fingerprint ? SAMPLING_TIMEOUT_MS : TIMEOUT_MS,
    device: path,
  };
}

/** Beside the bundle, or the source when that is what runs. */
export function probeProgram(ownUrl: string): string {
  return fileURLToPath(new URL(ownUrl.endsWith('.ts') ? './probe-child.ts' : './probe.mjs', ownUrl));
}

function bytesOf(report: ProbeReport): Omit<DiskBytes, 'signatures'> {
  const { dirtyAt } = report;
  return {
    exclusive: report.exclusive,
    head: bytes(report.head),
    note: bytes(report.note),
    tail: bytes(report.tail),
    dirtyAt: dirtyAt === 'none' || dirtyAt === 'unsampled' ? dirtyAt : BigInt(dirtyAt),
    fingerprint: report.fingerprint,
  };
}

function bytes(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, 'base64'));
}
