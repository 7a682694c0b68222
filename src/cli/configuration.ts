import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { parseDocument } from 'yaml';
import { parseSize } from '../model/bytes.ts';
import { DriverError, messageOf } from '../model/errors.ts';
import {
  type Configuration,
  DEFAULT_CONFIGURATION,
  DEFAULT_MIN_SIZE_BYTES,
  type Pool,
} from '../model/pool.ts';

/** /etc/instance-store-csi/config.yaml: decoded strictly, as a misspelt key must not become a taken disk. */

const DEFAULT_SHRED_PASSES = 3;
/** It stands in partition labels of 36 characters, beside a generation. */
const POOL_NAME = /^[a-z0-9]([a-z0-9-]{0,23}[a-z0-9])?$/;

const size = v.pipe(
  v.string(),
  v.check(
    (text) => parseSize(text) !== undefined,
    ({ input }) => `is "${input}", want a size such as 10Gi or 500M`,
  ),
  v.transform((text) => parseSize(text) ?? 0n),
);

const text = v.pipe(v.string(), v.nonEmpty('is empty'));

const match = v.pipe(
  v.strictObject({
    preset: v.optional(v.literal('instance-store')),
    model: v.optional(text),
    serial: v.optional(text),
    path: v.optional(text),
    byId: v.optional(text),
    transport: v.optional(v.picklist(['nvme', 'scsi', 'virtio', 'loop'])),
  }),
  v.check(
    (line) => Object.keys(line).length > 0,
    'is empty and would match every disk; name at least one property',
  ),
);

const pool = v.strictObject({
  name: v.pipe(
    v.string(),
    v.regex(POOL_NAME, 'want at most 25 of a-z, 0-9 and "-", with a letter or digit at both ends'),
  ),
  disks: v.strictObject({
    match: v.pipe(v.array(match), v.nonEmpty('is empty: no disk would be taken')),
    minSize: v.optional(size),
    eraseAndTake: v.optional(
      v.array(
        v.strictObject({
          disk: text,
          found: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'want the fingerprint that `why DISK` prints')),
        }),
      ),
      [],
    ),
  }),
  array: v.optional(v.picklist(['none']), 'none'),
  carving: v.optional(v.picklist(['partition', 'whole']), 'partition'),
  sanitize: v.optional(v.picklist(['discard', 'zero', 'shred', 'none']), 'discard'),
  shredPasses: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(35))),
});

const file = v.strictObject({
  apiVersion: v.literal('instance-store.csi.dev/v1alpha1'),
  kind: v.literal('DriverConfiguration'),
  pools: v.pipe(v.array(pool), v.nonEmpty('is empty')),
});

export const DEFAULT_PATH = '/etc/instance-store-csi/config.yaml';

/**
 * The file that is named, else the one at its usual place, else the built-in pool.
 * @throws DriverError `invalid-argument` naming file, field, what was found and what is wanted
 */
export async function readConfiguration(named: string | undefined): Promise<Configuration> {
  const path = named ?? DEFAULT_PATH;
  const source = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (named === undefined && error.code === 'ENOENT') return undefined;
    throw new DriverError('invalid-argument', `Cannot read the configuration: ${messageOf(error)}`, {
      cause: error,
    });
  });
  return source === undefined ? DEFAULT_CONFIGURATION : parseConfiguration(source, path);
}

function parseConfiguration(source: string, name: string): Configuration {
  const document = parseDocument(source);
  const [syntax] = document.errors;
  if (syntax !== undefined) throw wrong(name, syntax.message);
  const decoded = v.safeParse(file, document.toJS());
  if (!decoded.success) throw wrong(name, decoded.issues.map(issueInWords).join('; '));
  const pools = decoded.output.pools.map(toPool);
  const overlap = overlapOf(pools);
  if (overlap !== undefined) throw wrong(name, overlap);
  return { pools };
}

function toPool({ name, disks, array, carving, sanitize, shredPasses }: v.InferOutput<typeof pool>): Pool {
  return {
    name,
    match: disks.match.map((line) =>
      Object.fromEntries(Object.entries(line).filter(([, value]) => value !== undefined)),
    ),
    minSizeBytes: disks.minSize ?? DEFAULT_MIN_SIZE_BYTES,
    eraseAndTake: disks.eraseAndTake,
    array,
    carving,
    sanitize:
      sanitize === 'shred'
        ? { method: 'shred', passes: shredPasses ?? DEFAULT_SHRED_PASSES }
        : { method: sanitize },
  };
}

/** What can be seen without disks; a disk that two pools match is refused besides ("matched by two"). */
function overlapOf(pools: readonly Pool[]): string | undefined {
  const seen = new Map<string, number>();
  for (const [at, one] of pools.entries()) {
    const keys = [`name "${one.name}"`, ...one.match.map((line) => `match ${JSON.stringify(line)}`)];
    for (const key of new Set(keys)) {
      const before = seen.get(key);
      if (before !== undefined) return `pools[${at}] and pools[${before}] overlap: both have the ${key}`;
      seen.set(key, at);
    }
  }
  return undefined;
}

function issueInWords(issue: v.BaseIssue<unknown>): string {
  const path = (issue.path ?? [])
    .map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('');
  const field = path.replace(/^\./, '') || 'the file';
  if (issue.type === 'strict_object' && issue.expected === 'never') return `${field} is an unknown key`;
  if (issue.type === 'strict_object' && issue.received === 'undefined') return `${field} is missing`;
  if (issue.kind === 'validation') return `${field}: ${issue.message}, found ${issue.received}`;
  return `${field} is ${issue.received}, want ${issue.expected ?? issue.message}`;
}

function wrong(name: string, what: string): DriverError {
  return new DriverError('invalid-argument', `Configuration ${name}: ${what}`);
}
