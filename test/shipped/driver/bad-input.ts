import type { VolumeCapability } from '../../../src/csi/gen/csi/v1/VolumeCapability.ts';
import { handleFor } from '../../../src/model/uuid.ts';

/** Every way in which a caller can be wrong that this project thought of: a table of rows, method by method. */

/** What the rows may speak of: two volumes that are there, paths that are there. */
export type Names = {
  /** An xfs volume in pool `fast`, staged and published. */
  readonly good: string;
  /** A block volume in pool `slow`, never staged. */
  readonly other: string;
  readonly goodContext: Readonly<Record<string, string>>;
  readonly otherContext: Readonly<Record<string, string>>;
  readonly staged: string;
  readonly published: string;
  /** A folder, and a symlink to it. */
  readonly real: string;
  readonly link: string;
};

type Row = {
  readonly is: string;
  readonly ask: (names: Names) => object;
  readonly code: string;
  readonly words: RegExp | '';
};

const MIB = 1024 ** 2;
const ELSEWHERE = handleFor('instance-store.csi.dev', 'another-node', 'pvc-1');
const STRANGER = '5e0c1f7a-93d1-4b6e-8f00-0d4c2a1b9e77';

function capability(
  access: 'block' | Partial<NonNullable<VolumeCapability['mount']>>,
  mode: NonNullable<NonNullable<VolumeCapability['access_mode']>['mode']> = 'SINGLE_NODE_MULTI_WRITER',
): VolumeCapability {
  const access_mode = { mode };
  return access === 'block'
    ? { block: {}, access_mode }
    : { mount: { fs_type: 'xfs', ...access }, access_mode };
}

const XFS = capability({});

const bad = (is: string, code: string, words: RegExp | '', ask: Row['ask']): Row => ({
  is,
  ask,
  code,
  words,
});

/** A CreateVolume that would be served, but for what is changed. */
function create(is: string, code: string, words: RegExp, change: object): Row {
  const right = {
    name: 'bad-input',
    capacity_range: { required_bytes: 300 * MIB },
    volume_capabilities: [XFS],
    parameters: { pool: 'fast' },
  };
  return bad(is, code, words, () => ({ ...right, ...change }));
}

const only = (...volume_capabilities: readonly VolumeCapability[]) => ({ volume_capabilities });
const parameters = (more: object) => ({ parameters: { pool: 'fast', ...more } });
const range = (required_bytes: number | string, limit_bytes: number | string = 0) => ({
  capacity_range: { required_bytes, limit_bytes },
});
const RWX =
  /MULTI_NODE_\w+, but a local disk is on one node: use ReadWriteOnce or ReadWriteOncePod; for ReadWriteMany use a network filesystem/;

const CREATE: readonly Row[] = [
  create('no name', 'INVALID_ARGUMENT', /^name: found nothing/, { name: '' }),
  create('a name of two lines', 'INVALID_ARGUMENT', /^name: .*line breaks/, { name: 'a\nb' }),
  create('a NUL in its name', 'INVALID_ARGUMENT', /^name: .*control characters/, { name: 'a\0b' }),
  create('a name of 129 bytes', 'INVALID_ARGUMENT', /^name: found 129 bytes, want at most 128/, {
    name: `x${'\u{1F4BE}'.repeat(32)}`,
  }),
  create('no capabilities', 'INVALID_ARGUMENT', /^volume_capabilities: found nothing/, only()),
  create(
    'block and mount',
    'INVALID_ARGUMENT',
    /^volume_capabilities: found both block and mount/,
    only(XFS, capability('block')),
  ),
  create(
    'two filesystems',
    'INVALID_ARGUMENT',
    /^volume_capabilities: found the filesystems xfs and ext4/,
    only(XFS, capability({ fs_type: 'ext4' })),
  ),
  create(
    'one writer and many',
    'INVALID_ARGUMENT',
    /^volume_capabilities: found both SINGLE_NODE_SINGLE_WRITER and SINGLE_NODE_MULTI_WRITER/,
    only(XFS, capability({}, 'SINGLE_NODE_SINGLE_WRITER')),
  ),
  create('ReadWriteMany', 'INVALID_ARGUMENT', RWX, only(capability({}, 'MULTI_NODE_MULTI_WRITER'))),
  create('ReadOnlyMany', 'INVALID_ARGUMENT', RWX, only(capability({}, 'MULTI_NODE_READER_ONLY'))),
  create(
    'many nodes and one writer',
    'INVALID_ARGUMENT',
    RWX,
    only(capability('block', 'MULTI_NODE_SINGLE_WRITER')),
  ),
  create(
    'ReadWriteMany among others',
    'INVALID_ARGUMENT',
    RWX,
    only(XFS, capability({}, 'MULTI_NODE_MULTI_WRITER')),
  ),
  create(
    'an unknown mode',
    'INVALID_ARGUMENT',
    /^volume_capabilities\[0\]\.access_mode: found UNKNOWN/,
    only(capability({}, 'UNKNOWN')),
  ),
  create(
    'no mode',
    'INVALID_ARGUMENT',
    /^volume_capabilities\[0\]\.access_mode: found nothing/,
    only({ block: {} }),
  ),
  create(
    'neither block nor mount',
    'INVALID_ARGUMENT',
    /^volume_capabilities\[0\]\.access_type: found nothing/,
    only({ access_mode: { mode: 'SINGLE_NODE_WRITER' } }),
  ),
  create(
    'a filesystem that we do not make',
    'INVALID_ARGUMENT',
    /^volume_capabilities\[0\]\.mount\.fs_type: found "ntfs"/,
    only(capability({ fs_type: 'ntfs' })),
  ),
  create(
    'a command as filesystem',
    'INVALID_ARGUMENT',
    /fs_type: found "\$\(reboot\)"/,
    only(capability({ fs_type: '$(reboot)' })),
  ),
  create(
    'a group to mount for',
    'INVALID_ARGUMENT',
    /mount\.volume_mount_group: found "1000"/,
    only(capability({ volume_mount_group: '1000' })),
  ),
  create(
    'a mount option that reaches elsewhere',
    'INVALID_ARGUMENT',
    /mount\.mount_flags: .*bind/,
    only(capability({ mount_flags: ['bind'] })),
  ),
  create(
    'a second option in a mount option',
    'INVALID_ARGUMENT',
    /mount\.mount_flags: /,
    only(capability({ mount_flags: ['noatime,loop=/etc/passwd'] })),
  ),
  create(
    'a path in a mount option',
    'INVALID_ARGUMENT',
    /mount\.mount_flags: .*logdev/,
    only(capability({ mount_flags: ['logdev=/dev/vda'] })),
  ),
  create(
    'mount options of 5000 bytes',
    'INVALID_ARGUMENT',
    /mount\.mount_flags: found 5000 bytes/,
    only(capability({ mount_flags: Array.from({ length: 500 }, () => 'noatime123') })),
  ),
  create(
    'an unknown parameter',
    'INVALID_ARGUMENT',
    /^parameters: found the unknown key "colour"/,
    parameters({ colour: 'red' }),
  ),
  create('an empty pool', 'INVALID_ARGUMENT', /^parameters\.pool: found nothing/, parameters({ pool: '' })),
  create('no pool where there are two', 'INVALID_ARGUMENT', /^parameters\.pool is missing/, {
    parameters: {},
  }),
  create(
    'a pool of two lines',
    'INVALID_ARGUMENT',
    /^parameters\.pool: .*line breaks/,
    parameters({ pool: 'fast\nslow' }),
  ),
  create(
    'a pool that this node does not have',
    'RESOURCE_EXHAUSTED',
    /has no pool "turbo"; it has: fast, slow/,
    parameters({ pool: 'turbo' }),
  ),
  create(
    'a command among mkfsOptions',
    'INVALID_ARGUMENT',
    /^parameters\.mkfsOptions: /,
    parameters({ mkfsOptions: '-K; reboot' }),
  ),
  create(
    'another device among mkfsOptions',
    'INVALID_ARGUMENT',
    /^parameters\.mkfsOptions: /,
    parameters({ mkfsOptions: '-l logdev=/dev/vda' }),
  ),
  create(
    'onDataLoss: recreate',
    'INVALID_ARGUMENT',
    /^parameters\.onDataLoss: found "recreate"/,
    parameters({ onDataLoss: 'recreate' }),
  ),
  create(
    'parameters of 5 KiB',
    'INVALID_ARGUMENT',
    /^parameters: found \d+ bytes, want at most 4096/,
    parameters({ mkfsOptions: 'x'.repeat(5000) }),
  ),
  create('mutable parameters', 'INVALID_ARGUMENT', /^mutable_parameters: found "iops"/, {
    mutable_parameters: { iops: '1' },
  }),
  create('a snapshot as source', 'INVALID_ARGUMENT', /^volume_content_source: /, {
    volume_content_source: { snapshot: { snapshot_id: 'x' } },
  }),
  create('a negative size', 'INVALID_ARGUMENT', /^capacity_range\.required_bytes: found -1/, range(-1)),
  create(
    'a limit below what is required',
    'OUT_OF_RANGE',
    /^capacity_range: found limit_bytes 1048576 below required_bytes/,
    range(300 * MIB, MIB),
  ),
  create(
    'a limit below the smallest xfs',
    'OUT_OF_RANGE',
    /^capacity_range\.limit_bytes is 1048576: .*xfs.* has at least \d+ bytes/,
    range(0, MIB),
  ),
  create('a limit below a sector', 'OUT_OF_RANGE', /^capacity_range\.limit_bytes is 100: /, {
    ...range(1, 100),
    ...only(capability('block')),
  }),
  create(
    'a size that no disk here has',
    'RESOURCE_EXHAUSTED',
    /no room for 1 TiB.*the largest volume now is/,
    range(1024 ** 4),
  ),
  create('the largest size there is', 'RESOURCE_EXHAUSTED', /no room for/, range('9223372036854775807')),
  create('another node asked for', 'RESOURCE_EXHAUSTED', /^accessibility_requirements/, {
    accessibility_requirements: { requisite: [{ segments: { 'kubernetes.io/hostname': 'elsewhere' } }] },
  }),
  create('the name of another volume, and another size', 'ALREADY_EXISTS', /"good".*required_bytes/, {
    name: 'good',
    ...range(500 * MIB),
  }),
  create('the name of another volume, and another filesystem', 'ALREADY_EXISTS', /"good".*ext4/, {
    name: 'good',
    ...only(capability({ fs_type: 'ext4' })),
  }),
  create('the name of another volume, and another pool', 'ALREADY_EXISTS', /"good".*pool/, {
    name: 'good',
    ...parameters({ pool: 'slow' }),
  }),
];

const DELETE: readonly Row[] = [
  bad('no handle', 'INVALID_ARGUMENT', /^volume_id: found nothing/, () => ({ volume_id: '' })),
  bad('a handle that nobody can have', 'OK', '', () => ({ volume_id: '../../etc/passwd; $(reboot)\n' })),
  bad('a handle of another node', 'FAILED_PRECONDITION', /was not made on node/, () => ({
    volume_id: ELSEWHERE,
  })),
  bad('the handle of a published volume', 'FAILED_PRECONDITION', /is in use: .*globalmount/, ({ good }) => ({
    volume_id: good,
  })),
];

/** A path that is none, for a field that must be one; the same for every method. */
const PATHS: readonly (readonly [string, (names: Names) => string, RegExp])[] = [
  ['no path', () => '', /: found nothing, want an absolute path/],
  ['a relative path', () => 'some/path', /which is not absolute/],
  ['a path with ..', ({ real }) => `${real}/../../etc`, /has a "\." or "\.\." in it/],
  ['a path of two lines', ({ real }) => `${real}/a\nb`, /has a control character/],
  ['a path with an empty part', ({ real }) => `${real}//a`, /has an empty component/],
  ['a path of 5000 bytes', ({ real }) => `${real}/${'x'.repeat(5000)}`, /is longer than 4096 bytes/],
];
const LINKS: readonly (readonly [string, (names: Names) => string, RegExp])[] = [
  ['a symlink', ({ link }) => link, /found \S+ to be a symlink to ".*real"/],
  ['a path through a symlink', ({ link }) => `${link}/below/it`, /found \S+ to be a symlink to ".*real"/],
];

function paths(
  field: string,
  from: readonly (readonly [string, (names: Names) => string, RegExp])[],
  right: (names: Names) => object,
): readonly Row[] {
  return from.map(([is, pathOf, words]) =>
    bad(`${is} as ${field}`, 'INVALID_ARGUMENT', new RegExp(`^${field}.*${words.source}`), (names) => ({
      ...right(names),
      [field]: pathOf(names),
    })),
  );
}

const stageRight = ({ good, goodContext, staged }: Names) => ({
  volume_id: good,
  staging_target_path: staged,
  volume_capability: XFS,
  volume_context: goodContext,
});
const stage = (is: string, code: string, words: RegExp, change: (names: Names) => object): Row =>
  bad(is, code, words, (names) => ({ ...stageRight(names), ...change(names) }));

/** What a context may be forged to, whatever the method: nothing reaches another volume. */
function forged(right: (names: Names) => object): readonly Row[] {
  const context = (is: string, code: string, words: RegExp, change: (names: Names) => object): Row =>
    bad(is, code, words, (names) => ({
      ...right(names),
      volume_context: { ...names.goodContext, ...change(names) },
    }));
  return [
    context(
      "another volume's mark",
      'FAILED_PRECONDITION',
      /was made on mark .* another life of the disk/,
      ({ otherContext }) => ({ mark: otherContext.mark }),
    ),
    context("a stranger's mark", 'FAILED_PRECONDITION', new RegExp(`was made on mark ${STRANGER}`), () => ({
      mark: STRANGER,
    })),
    context(
      'junk for a mark',
      'INVALID_ARGUMENT',
      /^volume_context\.mark: found "\$\(id\)", want a UUID/,
      () => ({ mark: '$(id)' }),
    ),
    context(
      "another volume's pool",
      'INVALID_ARGUMENT',
      /^volume_context\.pool is "slow"; volume \S+ is in pool "fast"/,
      () => ({ pool: 'slow' }),
    ),
    context('an empty pool', 'INVALID_ARGUMENT', /^volume_context\.pool: found nothing/, () => ({
      pool: '',
    })),
    context('a machine of two lines', 'INVALID_ARGUMENT', /^volume_context\.machine: /, () => ({
      machine: 'a\nb',
    })),
    context('a context of 5 KiB', 'INVALID_ARGUMENT', /^volume_context: found \d+ bytes/, () => ({
      x: 'x'.repeat(5000),
    })),
  ];
}

const STAGE: readonly Row[] = [
  stage('no handle', 'INVALID_ARGUMENT', /^volume_id: found nothing/, () => ({ volume_id: '' })),
  stage('an unknown handle', 'NOT_FOUND', /"\$\(id\)"/, () => ({ volume_id: '$(id)' })),
  stage('a handle of another node', 'NOT_FOUND', /it is a volume of another node/, () => ({
    volume_id: ELSEWHERE,
  })),
  stage('no capability', 'INVALID_ARGUMENT', /^volume_capability: found nothing/, () => ({
    volume_capability: null,
  })),
  stage('ReadWriteMany', 'FAILED_PRECONDITION', RWX, () => ({
    volume_capability: capability({}, 'MULTI_NODE_MULTI_WRITER'),
  })),
  stage(
    'block for what has a filesystem',
    'FAILED_PRECONDITION',
    /volume_capability asks for a block device/,
    () => ({ volume_capability: capability('block') }),
  ),
  stage(
    'another filesystem at another path',
    'FAILED_PRECONDITION',
    /bears xfs, volume_capability\.mount\.fs_type asks for ext4/,
    ({ real }) => ({
      staging_target_path: `${real}/elsewhere`,
      volume_capability: capability({ fs_type: 'ext4' }),
    }),
  ),
  stage(
    'another filesystem where it is staged',
    'ALREADY_EXISTS',
    /^staging_target_path .* is already a mount of xfs/,
    () => ({ volume_capability: capability({ fs_type: 'ext4' }) }),
  ),
  stage(
    'the place of another volume',
    'ALREADY_EXISTS',
    /^staging_target_path .* is already a mount/,
    ({ published }) => ({
      volume_capability: capability({ fs_type: 'ext4' }),
      staging_target_path: published,
    }),
  ),
  ...paths('staging_target_path', [...PATHS, ...LINKS], stageRight),
  ...forged(stageRight),
];

const publishRight = (names: Names) => ({ ...stageRight(names), target_path: `${names.real}/target` });
const publish = (is: string, code: string, words: RegExp, change: (names: Names) => object): Row =>
  bad(is, code, words, (names) => ({ ...publishRight(names), ...change(names) }));

const PUBLISH: readonly Row[] = [
  publish('no handle', 'INVALID_ARGUMENT', /^volume_id: found nothing/, () => ({ volume_id: '' })),
  publish('an unknown handle', 'NOT_FOUND', /"x"/, () => ({ volume_id: 'x' })),
  publish('a handle of another node', 'NOT_FOUND', /it is a volume of another node/, () => ({
    volume_id: ELSEWHERE,
  })),
  publish('no capability', 'INVALID_ARGUMENT', /^volume_capability: found nothing/, () => ({
    volume_capability: null,
  })),
  publish('no staging path', 'FAILED_PRECONDITION', /^staging_target_path: found nothing/, () => ({
    staging_target_path: '',
  })),
  publish(
    'a staging path where nothing is',
    'FAILED_PRECONDITION',
    /is not staged at staging_target_path .*nothing is mounted there/,
    ({ real }) => ({ staging_target_path: real }),
  ),
  publish(
    'a volume that was never staged',
    'FAILED_PRECONDITION',
    /is not staged at staging_target_path/,
    ({ other, otherContext }) => ({
      volume_id: other,
      volume_context: otherContext,
      volume_capability: capability('block'),
    }),
  ),
  publish('ReadWriteMany', 'FAILED_PRECONDITION', RWX, () => ({
    volume_capability: capability({}, 'MULTI_NODE_MULTI_WRITER'),
  })),
  publish(
    'block for what has a filesystem',
    'FAILED_PRECONDITION',
    /volume_capability asks for a block device/,
    () => ({ volume_capability: capability('block') }),
  ),
  publish(
    'a second target for a single writer',
    'FAILED_PRECONDITION',
    /is already published at .*SINGLE_NODE_SINGLE_WRITER allows one target/,
    () => ({ volume_capability: capability({}, 'SINGLE_NODE_SINGLE_WRITER') }),
  ),
  publish(
    'read-only where it is writable',
    'ALREADY_EXISTS',
    /^target_path .* already shows the volume writable/,
    ({ published }) => ({ target_path: published, readonly: true }),
  ),
  ...paths('target_path', [...PATHS, ...LINKS], publishRight),
  ...paths('staging_target_path', [...PATHS.slice(1), ...LINKS], publishRight),
  ...forged(publishRight),
];

const unpublishRight = ({ good, real }: Names) => ({ volume_id: good, target_path: `${real}/target` });
const unstageRight = ({ good, real }: Names) => ({ volume_id: good, staging_target_path: `${real}/stage` });

const expandRight = ({ good, published }: Names) => ({
  volume_id: good,
  volume_path: published,
  capacity_range: { required_bytes: 400 * MIB },
});
const expand = (is: string, code: string, words: RegExp, change: (names: Names) => object): Row =>
  bad(is, code, words, (names) => ({ ...expandRight(names), ...change(names) }));

const EXPAND: readonly Row[] = [
  expand('no handle', 'INVALID_ARGUMENT', /^volume_id: found nothing/, () => ({ volume_id: '' })),
  expand('no path', 'INVALID_ARGUMENT', /^volume_path: found nothing/, () => ({ volume_path: '' })),
  expand('an unknown handle', 'NOT_FOUND', /"x"/, () => ({ volume_id: 'x' })),
  expand('a handle of another node', 'NOT_FOUND', /it is a volume of another node/, () => ({
    volume_id: ELSEWHERE,
  })),
  expand('a path where the volume is not', 'NOT_FOUND', /is not mounted at volume_path/, ({ real }) => ({
    volume_path: real,
  })),
  expand("another volume's path", 'NOT_FOUND', /is not mounted at volume_path/, ({ other }) => ({
    volume_id: other,
  })),
  expand('a negative size', 'INVALID_ARGUMENT', /^capacity_range\.required_bytes: found -1/, () => range(-1)),
  expand('a limit below what is required', 'OUT_OF_RANGE', /^capacity_range: found limit_bytes/, () =>
    range(400 * MIB, MIB),
  ),
  expand(
    'more than there is',
    'RESOURCE_EXHAUSTED',
    /Cannot grow volume \S+ to 1 TiB .*: at most .* now/,
    () => range(1024 ** 4),
  ),
];

const looked = (is: string, code: string, words: RegExp, ask: Row['ask']): Row => bad(is, code, words, ask);

export const BAD: Readonly<Record<string, readonly Row[]>> = {
  CreateVolume: CREATE,
  DeleteVolume: DELETE,
  NodeStageVolume: STAGE,
  NodePublishVolume: PUBLISH,
  NodeUnpublishVolume: [
    bad('no handle', 'INVALID_ARGUMENT', /^volume_id: found nothing/, (names) => ({
      ...unpublishRight(names),
      volume_id: '',
    })),
    ...paths('target_path', [...PATHS, ...LINKS], unpublishRight),
  ],
  NodeUnstageVolume: [
    bad('no handle', 'INVALID_ARGUMENT', /^volume_id: found nothing/, (names) => ({
      ...unstageRight(names),
      volume_id: '',
    })),
    ...paths('staging_target_path', [...PATHS, ...LINKS], unstageRight),
  ],
  NodeExpandVolume: EXPAND,
  NodeGetVolumeStats: [
    looked('no handle', 'INVALID_ARGUMENT', /^volume_id: found nothing/, ({ published }) => ({
      volume_path: published,
    })),
    looked('no path', 'INVALID_ARGUMENT', /^volume_path: found nothing/, ({ good }) => ({ volume_id: good })),
    looked('a path where the volume is not', 'NOT_FOUND', /is not mounted at volume_path/, ({ good }) => ({
      volume_id: good,
      volume_path: '/',
    })),
    looked('a handle of another node', 'NOT_FOUND', /of another node/, ({ published }) => ({
      volume_id: ELSEWHERE,
      volume_path: published,
    })),
  ],
  NodeGetVolumeHealth: [
    looked('no handle', 'INVALID_ARGUMENT', /^volume_id: found nothing/, () => ({})),
    looked('a handle of another node', 'NOT_FOUND', /of another node/, () => ({ volume_id: ELSEWHERE })),
  ],
  ValidateVolumeCapabilities: [
    looked('no handle', 'INVALID_ARGUMENT', /^volume_id: found nothing/, () => only(XFS)),
    looked('no capabilities', 'INVALID_ARGUMENT', /^volume_capabilities: found nothing/, ({ good }) => ({
      volume_id: good,
    })),
    looked('an unknown handle', 'NOT_FOUND', /"x"/, () => ({ volume_id: 'x', ...only(XFS) })),
    looked('a handle of another node', 'NOT_FOUND', /of another node/, () => ({
      volume_id: ELSEWHERE,
      ...only(XFS),
    })),
    ...forged(({ good, goodContext }) => ({ volume_id: good, volume_context: goodContext, ...only(XFS) })),
  ],
  ListVolumes: [
    looked('a token that was never given', 'ABORTED', /starting_token/, () => ({ starting_token: 'wrong' })),
    looked('fewer than no entries', 'INVALID_ARGUMENT', /^max_entries: found -1/, () => ({
      max_entries: -1,
    })),
  ],
  GetCapacity: [
    looked('block and mount', 'INVALID_ARGUMENT', /both block and mount/, () =>
      only(XFS, capability('block')),
    ),
  ],
};
