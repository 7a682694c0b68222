import { fileURLToPath } from 'node:url';
import type { Content, DiskBytes, Signature } from '../model/disk.ts';
import { DriverError, messageOf } from '../model/errors.ts';
import { isZero } from '../model/mark.ts';
import * as blkid from './blkid.ts';
import type { Exec, HostCommand } from './exec.ts';
import type { ProbeOptions, ProbeReport } from './probe-child.ts';
import * as wipefs from './wipefs.ts';

const TIMEOUT_MS = 20_000;
/** 84 MiB of a slow disk, most of it scattered. */
const SAMPLING_TIMEOUT_MS = 120_000;

type Sized = { readonly path: string; readonly sizeBytes: bigint };

/**
 * Reads what a disk has to say, in bounded children. Whatever goes wrong is `failed`, which is never blank. For a
 * moment the disk is opened exclusively: hold its lock, or another's mount on it may see "busy".
 */
export async function probeDisk(exec: Exec, disk: Sized, options: ProbeOptions): Promise<Content> {
  try {
    const bytes = await readBytes(exec, disk, options);
    const signatures = await readSignatures(exec, disk.path);
    return { is: 'read', bytes: { ...bytes, signatures } };
  } catch (error) {
    if (error instanceof DriverError) return { is: 'failed', why: error.message };
    throw error;
  }
}

/**
 * Whether a device reads as zeros wherever law 1 looks. A signature would be bytes, so nobody is asked for signatures.
 * @throws DriverError when it cannot be read
 */
export async function readsAsZeros(exec: Exec, device: Sized): Promise<boolean> {
  const options = { sample: true, fingerprint: false, claim: false };
  const { dirtyAt, head, note, tail } = await readBytes(exec, device, options);
  return dirtyAt === 'none' && [head, note, tail].every(isZero);
}

/** @throws DriverError `unknown` when it has another size now, or as exec() does */
async function readBytes(
  exec: Exec,
  { path, sizeBytes }: Sized,
  options: ProbeOptions,
): Promise<Omit<DiskBytes, 'signatures'>> {
  const { stdout } = await exec(probeCommand(path, options));
  const report = parseReport(stdout);
  if (BigInt(report.sizeBytes) !== sizeBytes)
    throw new DriverError('unknown', `${path} has ${report.sizeBytes} bytes, but had ${sizeBytes}`);
  return bytesOf(report);
}

function parseReport(stdout: Uint8Array): ProbeReport {
  try {
    return JSON.parse(Buffer.from(stdout).toString('utf8')) as ProbeReport;
  } catch (error) {
    throw new DriverError('unknown', `the probe wrote no JSON: ${messageOf(error)}`, { cause: error });
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
