import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { parseDocument } from 'yaml';
import { MEMBERS_MAX, MEMBERS_MIN } from '../model/array.ts';
import { KIB, MIB, parseSize } from '../model/bytes.ts';
import { parseDuration } from '../model/duration.ts';
import { DriverError, messageOf } from '../model/errors.ts';
import {
  type Configuration,
  DEFAULT_CHUNK_BYTES,
  DEFAULT_CONFIGURATION,
  DEFAULT_MIN_SIZE_BYTES,
  DEFAULT_SETTLE_MS,
  type Pool,
  RAID_LEVELS,
} from '../model/pool.ts';

/** /etc/instance-store-csi/config.yaml: decoded strictly, as a misspelt key must not become a taken disk. */

const DEFAULT_SHRED_PASSES = 3;
/** It stands in partition labels of 36 characters, beside a generation. */
const POOL_NAME = /^[a-z0-9]([a-z0-9-]{0,23}[a-z0-9])?$/;

/** Every message below ends the sentence "FIELD is FOUND, want …". */

const sizeOf = (what: string, fits: (bytes: bigint) => boolean = () => true) =>
  v.pipe(
    v.string(what),
    v.check((text) => {
      const bytes = parseSize(text);
      return bytes !== undefined && fits(bytes);
    }, what),
    v.transform((text) => parseSize(text) ?? 0n),
  );
const size = sizeOf('a size such as 10Gi or 500M');

const DURATION = 'a duration such as 60s or 5m';
const duration = v.pipe(
  v.string(DURATION),
  v.check((text) => parseDuration(text) !== undefined, DURATION),
  v.transform((text) => parseDuration(text) ?? 0),
);

const TEXT = 'text in quotes';
const text = v.pipe(v.string(TEXT), v.nonEmpty(TEXT));

const MAPPING = 'a mapping';
const oneOf = <const T extends readonly string[]>(options: T) =>
  v.picklist(options, options.length === 1 ? `${options[0]}` : `one of ${options.join(', ')}`);

const match = v.pipe(
  v.strictObject(
    {
      preset: v.optional(oneOf(['instance-store'])),
      model: v.optional(text),
      serial: v.optional(text),
      path: v.optional(text),
      byId: v.optional(text),
      transport: v.optional(oneOf(['nvme', 'scsi', 'virtio', 'loop'])),
    },
    MAPPING,
  ),
  v.check((line) => Object.keys(line).length > 0, 'at least one property, as it would match every disk'),
);

const NAME = 'at most 25 of a-z, 0-9 and "-", with a letter or digit at both ends';
const FINGERPRINT = 'the fingerprint that `why DISK` prints';
const PASSES = 'a number from 1 to 35';
const COUNT = `a number from ${MEMBERS_MIN} to ${MEMBERS_MAX}`;

const rate = sizeOf('a size of at least 1Mi, which is sanitized in a second', (bytes) => bytes >= MIB);
const chunk = sizeOf('a power of two from 4Ki to 64Mi', isChunk);

const eraseAndTake = v.strictObject(
  { disk: text, found: v.pipe(v.string(FINGERPRINT), v.regex(/^[0-9a-f]{64}$/, FINGERPRINT)) },
  MAPPING,
);

const pool = v.strictObject(
  {
    name: v.pipe(v.string(NAME), v.regex(POOL_NAME, NAME)),
    disks: v.strictObject(
      {
        match: v.pipe(v.array(match, 'a list of lines'), v.nonEmpty('a line, as no disk would be taken')),
        minSize: v.optional(size),
        count: v.optional(
          v.pipe(
            v.number(COUNT),
            v.integer(COUNT),
            v.minValue(MEMBERS_MIN, COUNT),
            v.maxValue(MEMBERS_MAX, COUNT),
          ),
        ),
        settle: v.optional(duration),
        eraseAndTake: v.optional(v.array(eraseAndTake, 'a list'), []),
      },
      MAPPING,
    ),
    array: v.optional(oneOf(['none', ...RAID_LEVELS]), 'none'),
    chunk: v.optional(chunk),
    carving: v.optional(oneOf(['partition', 'whole', 'lvm']), 'partition'),
    sanitize: v.optional(oneOf(['discard', 'zero', 'shred', 'none']), 'discard'),
    shredPasses: v.optional(
      v.pipe(v.number(PASSES), v.integer(PASSES), v.minValue(1, PASSES), v.maxValue(35, PASSES)),
    ),
    sanitizeBytesPerSecond: v.optional(rate),
  },
  MAPPING,
);

function isChunk(bytes: bigint): boolean {
  return bytes >= 4n * KIB && bytes <= 64n * MIB && (bytes & (bytes - 1n)) === 0n;
}

const file = v.strictObject(
  {
    apiVersion: oneOf(['instance-store.csi.dev/v1alpha1']),
    kind: oneOf(['DriverConfiguration']),
    pools: v.pipe(v.array(pool, 'a list of pools'), v.nonEmpty('a pool')),
    orphans: v.optional(oneOf(['report', 'delete']), 'report'),
  },
  MAPPING,
);

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
  if (syntax?.code === 'MULTIPLE_DOCS') throw wrong(name, 'found several YAML documents, want one');
  if (syntax !== undefined) throw wrong(name, syntax.message.trimEnd());
  const decoded = v.safeParse(file, document.toJS());
  if (!decoded.success) throw wrong(name, decoded.issues.map(issueInWords).join('; '));
  const idle = decoded.output.pools.flatMap(idleKeys);
  if (idle.length > 0) throw wrong(name, idle.join('; '));
  const pools = decoded.output.pools.map(toPool);
  const overlap = overlapOf(pools);
  if (overlap !== undefined) throw wrong(name, overlap);
  return { pools, orphans: decoded.output.orphans };
}

type Written = v.InferOutput<typeof pool>;

/** Keys that would do nothing where they stand, and so are not what somebody meant. */
function idleKeys(written: Written, at: number): readonly string[] {
  const { disks, array, chunk, sanitize, shredPasses, sanitizeBytesPerSecond } = written;
  const stripes = array === 'raid0' || array === 'raid10';
  const rules: readonly (readonly [unknown, boolean, string])[] = [
    [shredPasses, sanitize === 'shred', 'shredPasses is for sanitize: shred alone'],
    [
      sanitizeBytesPerSecond,
      sanitize !== 'none',
      'sanitizeBytesPerSecond slows nothing down with sanitize: none',
    ],
    [disks.count, array !== 'none', 'disks.count is for arrays; array is none'],
    [disks.settle, array !== 'none', 'disks.settle is for arrays; array is none'],
    [chunk, stripes, `chunk is for raid0 and raid10; array is ${array}`],
  ];
  return rules.flatMap(([given, isOfUse, words]) =>
    given !== undefined && !isOfUse ? [`pools[${at}].${words}`] : [],
  );
}

function raidOf({ disks, array, chunk }: Written): Pool['array'] {
  if (array === 'none') return 'none';
  const settleMs = disks.settle ?? DEFAULT_SETTLE_MS;
  const chunkBytes = array === 'raid1' ? 0n : (chunk ?? DEFAULT_CHUNK_BYTES);
  return { level: array, count: disks.count, settleMs, chunkBytes };
}

function toPool(written: Written): Pool {
  const { name, disks, carving, sanitize, shredPasses, sanitizeBytesPerSecond } = written;
  return {
    name,
    match: disks.match.map((line) =>
      Object.fromEntries(Object.entries(line).filter(([, value]) => value !== undefined)),
    ),
    minSizeBytes: disks.minSize ?? DEFAULT_MIN_SIZE_BYTES,
    eraseAndTake: disks.eraseAndTake,
    array: raidOf(written),
    carving,
    sanitize:
      sanitize === 'shred'
        ? { method: 'shred', passes: shredPasses ?? DEFAULT_SHRED_PASSES }
        : { method: sanitize },
    sanitizeBytesPerSecond,
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
  return `${field} is ${foundInWords(issue)}, want ${issue.message}`;
}

function foundInWords({ input, received }: v.BaseIssue<unknown>): string {
  if (input === null) return 'empty';
  if (typeof input !== 'object') return received;
  if (Object.keys(input).length === 0) return 'empty';
  return Array.isArray(input) ? 'a list' : 'a mapping';
}

function wrong(name: string, what: string): DriverError {
  return new DriverError('invalid-argument', `Configuration ${name}: ${what}`);
}
