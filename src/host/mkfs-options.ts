import type { FsType } from '../model/volume.ts';

/**
 * `mkfsOptions` of a StorageClass. Only what is listed here passes: block, inode and log sizes, features, alignment.
 * No names of files or devices (external logs, prototypes, configuration files), no UUIDs (they are ours), no labels.
 */

/** What a flag takes: nothing, a value, or a list of `key=value` (or bare keys: undefined). */
type Rule =
  | { readonly takes: 'nothing' }
  | { readonly takes: 'value'; readonly like: RegExp }
  | { readonly takes: 'keys'; readonly keys: Readonly<Record<string, RegExp | undefined>> };

const SWITCH = /^[01]$/;
const COUNT = /^[0-9]{1,15}$/;
/** mkfs.xfs counts in sectors and blocks too. */
const SIZE = /^[0-9]{1,15}[bskmgtBSKMGT]?$/;

const keys = (list: Readonly<Record<string, RegExp | undefined>>): Rule => ({ takes: 'keys', keys: list });
const value = (like: RegExp): Rule => ({ takes: 'value', like });

const EXT4_FEATURES = [
  ...[
    '64bit',
    'bigalloc',
    'dir_index',
    'dir_nlink',
    'ea_inode',
    'encrypt',
    'ext_attr',
    'extent',
    'extents',
    'extra_isize',
  ],
  ...[
    'fast_commit',
    'filetype',
    'flex_bg',
    'has_journal',
    'huge_file',
    'inline_data',
    'large_dir',
    'large_file',
  ],
  ...['meta_bg', 'metadata_csum', 'metadata_csum_seed', 'orphan_file', 'project', 'quota', 'resize_inode'],
  ...['sparse_super', 'sparse_super2', 'stable_inodes', 'uninit_bg', 'verity'],
];
const BTRFS_FEATURES = ['extref', 'mixed-bg', 'no-holes', 'skinny-metadata'];

/** A list of features, each with ^ before it to switch it off. */
const features = (names: readonly string[]): Rule =>
  keys(
    Object.fromEntries(
      names.flatMap((name) => [
        [name, undefined],
        [`^${name}`, undefined],
      ]),
    ),
  );

const RULES: Readonly<Record<FsType, Readonly<Record<string, Rule>>>> = {
  xfs: {
    '-b': keys({ size: SIZE }),
    '-d': keys({
      agcount: COUNT,
      agsize: SIZE,
      su: SIZE,
      sw: COUNT,
      sunit: COUNT,
      swidth: COUNT,
      noalign: undefined,
    }),
    '-i': keys({
      size: SIZE,
      perblock: COUNT,
      maxpct: COUNT,
      sparse: SWITCH,
      nrext64: SWITCH,
      exchange: SWITCH,
    }),
    '-l': keys({ size: SIZE, su: SIZE, sunit: COUNT, version: COUNT, 'lazy-count': SWITCH }),
    '-m': keys({
      crc: SWITCH,
      finobt: SWITCH,
      rmapbt: SWITCH,
      reflink: SWITCH,
      inobtcount: SWITCH,
      bigtime: SWITCH,
    }),
    '-n': keys({ size: SIZE, ftype: SWITCH, parent: SWITCH }),
    '-s': keys({ size: SIZE }),
  },
  ext4: {
    '-b': value(COUNT),
    '-C': value(COUNT),
    '-g': value(COUNT),
    '-G': value(COUNT),
    '-i': value(COUNT),
    '-I': value(COUNT),
    '-J': keys({ size: COUNT, fast_commit_size: COUNT }),
    '-m': value(/^[0-9]{1,2}(\.[0-9]{1,3})?$/),
    '-N': value(COUNT),
    '-O': features(EXT4_FEATURES),
    '-E': keys({
      stride: COUNT,
      stripe_width: COUNT,
      'stripe-width': COUNT,
      resize: COUNT,
      lazy_itable_init: SWITCH,
      num_backup_sb: /^[012]$/,
      packed_meta_blocks: SWITCH,
    }),
    '-T': value(/^(small|news|largefile|largefile4|big|huge)$/),
  },
  btrfs: {
    '-d': value(/^(single|dup)$/),
    '-m': value(/^(single|dup)$/),
    '-M': { takes: 'nothing' },
    '-n': value(SIZE),
    '-s': value(SIZE),
    '-O': features(BTRFS_FEATURES),
    '-R': features(['quota', 'free-space-tree']),
    '--csum': value(/^(crc32c|xxhash|sha256|blake2)$/),
  },
};

export type CheckedMkfsOptions = { readonly ok: readonly string[] } | { readonly refused: string };

/** The argv of a StorageClass's `mkfsOptions`, or why not, with what would be allowed. */
export function checkMkfsOptions(fsType: FsType, text: string): CheckedMkfsOptions {
  const ok: string[] = [];
  const words = text.split(' ').filter((word) => word !== '');
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const flag = word.startsWith('--') ? word.replace(/=.*$/s, '') : word.slice(0, 2);
    const rule = RULES[fsType][flag];
    if (rule === undefined)
      return refuse(fsType, `has no place for ${shown(word)}`, Object.keys(RULES[fsType]));
    const attached = word.slice(flag.length).replace(/^=/, '');
    if (rule.takes === 'nothing') {
      if (attached !== '') return refuse(fsType, `found ${shown(word)}`, [flag]);
      ok.push(flag);
      continue;
    }
    if (attached === '') at += 1;
    const given = attached === '' ? (words[at] ?? '') : attached;
    const fault = faultOf(fsType, flag, rule, given);
    if (fault !== undefined) return fault;
    ok.push(flag, given);
  }
  return { ok };
}

function faultOf(
  fsType: FsType,
  flag: string,
  rule: Exclude<Rule, { readonly takes: 'nothing' }>,
  given: string,
): CheckedMkfsOptions | undefined {
  if (rule.takes === 'value') {
    if (rule.like.test(given)) return undefined;
    return refuse(fsType, `found ${shown(`${flag} ${given}`)}`, [`${flag} ${inWords(rule.like)}`]);
  }
  const wrong = given.split(',').find((item) => !isListed(rule.keys, item));
  if (wrong === undefined) return undefined;
  const allowed = Object.entries(rule.keys).map(([key, like]) =>
    like === undefined ? key : `${key}=${inWords(like)}`,
  );
  return refuse(fsType, `found ${shown(wrong)} after ${flag}`, allowed);
}

function isListed(listed: Readonly<Record<string, RegExp | undefined>>, item: string): boolean {
  const [key = '', ...rest] = item.split('=');
  if (!Object.hasOwn(listed, key)) return false;
  const like = listed[key];
  return like === undefined ? rest.length === 0 : rest.length === 1 && like.test(rest[0] ?? '');
}

function inWords(like: RegExp): string {
  if (like === COUNT) return 'NUMBER';
  if (like === SIZE) return 'SIZE';
  return like === SWITCH ? '0|1' : like.source.replace(/^\^\(?|\)?\$$/g, '');
}

function refuse(fsType: FsType, found: string, allowed: readonly string[]): CheckedMkfsOptions {
  return { refused: `mkfsOptions for ${fsType}: ${found}; allowed: ${allowed.join(' ')}` };
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

/** Flags with their values, out of an argv that checkMkfsOptions() made: there a value never begins with a dash. */
export function flagsOf(argv: readonly string[]): readonly (readonly [string] | readonly [string, string])[] {
  const flags: (readonly [string] | readonly [string, string])[] = [];
  for (const [at, word] of argv.entries()) {
    const next = argv[at + 1];
    if (word.startsWith('-')) flags.push(next === undefined || next.startsWith('-') ? [word] : [word, next]);
  }
  return flags;
}
