import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '../host/lab/tool.ts';
import { checksum } from '../host/lab.ts';
import { launcher } from '../player/driver.ts';
import { type CliResult, configOf, runCli, TestNode } from './driver/node.ts';
import type { PlanJson, StatusJson, WhyJson } from './driver/seen.ts';
import { bringUp } from './driver/session.ts';

const GIB = 1024n ** 3n;

const COMMANDS = ['node', 'status', 'plan', 'why', 'cordon', 'uncordon', 'release'] as const;

describe('instance-store-csi', () => {
  it.each([['--help'], ['-h'], []])('explains itself and names every command: %j', async (...argv) => {
    const { code, stdout, stderr } = await runCli(argv);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of [...COMMANDS, 'controller'])
      expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
  });

  it.each(COMMANDS)(
    '%s --help names its own options, each with its variable, and nothing is needed for it',
    async (command) => {
      const { code, stdout, stderr } = await runCli([command, '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(`Usage: instance-store-csi ${command}`);
      const asks = ['cordon', 'uncordon', 'release'].includes(command);
      for (const option of asks ? ['state-dir'] : ['config', 'state-dir', 'node-name', 'machine-id']) {
        expect(stdout).toContain(`--${option} `);
        expect(stdout).toContain(`INSTANCE_STORE_CSI_${option.toUpperCase().replace('-', '_')}`);
      }
      expect(/^ {2}--yes$/m.test(stdout)).toBe(command === 'release');
      expect(stdout.includes('--endpoint')).toBe(command === 'node');
      expect(stdout.includes('CSI_ENDPOINT')).toBe(command === 'node');
      expect(stdout.includes('--json')).toBe(['status', 'plan', 'why'].includes(command));
    },
  );

  it.each([[['--version']], [['node', '--version']], [['why', '--version']]])(
    '%j prints name and version',
    async (argv) => {
      const { version } = JSON.parse(
        await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'),
      ) as { version: string };
      expect(await runCli(argv)).toEqual({ code: 0, stdout: `instance-store-csi ${version}`, stderr: '' });
    },
  );

  const named = ['--node-name', 'node-1'];
  it.each<readonly [readonly string[], string]>([
    [['stattus'], 'unknown command "stattus", want one of node, status, plan, why'],
    [['status', '--nodename', 'x'], "Unknown option '--nodename': --help lists"],
    [['status', '--node-name'], "Option '--node-name <value>' argument missing"],
    [['status', '--node-name', '-x'], "Option '--node-name' argument is ambiguous. Did you"],
    [['stattus', '--help'], 'unknown command "stattus"'],
    [['status'], '--node-name is missing; give it, or set NODE_NAME'],
    [['status', '--node-name', ''], '--node-name is missing'],
    [['status', '--node-name', 'a b'], '--node-name is "a b", want at most 63'],
    [['status', '--node-name', 'x'.repeat(64)], 'want at most 63'],
    [['status', '--node-name', '$(id)'], '--node-name is "$(id)"'],
    [['status', ...named, 'extra'], 'status: unexpected argument "extra"'],
    [['status', ...named, '--endpoint', 'unix:///x'], 'status has no option --endpoint'],
    [['node', ...named, '--json'], 'node has no option --json'],
    [
      ['node', ...named, '--log-level', 'loud'],
      '--log-level is "loud", want one of debug, info, warn, error',
    ],
    [['plan', ...named, '--state-dir', 'state'], '--state-dir is "state", want an absolute path'],
    [['why', ...named], 'why: name a disk'],
    [['why', ...named, 'a', 'b'], 'why: unexpected argument "b"'],
    [['status', ...named, '--config', '/nonexistent/config.yaml'], 'Cannot read the configuration: ENOENT'],
  ])('refuses %j, naming what is wrong, in one line', async (argv, words) => {
    const { code, stdout, stderr } = await runCli(argv, { NODE_NAME: '' });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(words);
    expect(stderr.split('\n')).toHaveLength(1);
  });
});

describe('status, plan and why', () => {
  let node: TestNode;
  let disks: { readonly owned: string; readonly blank: string; readonly foreign: string };
  let handle: string;
  let before: string;

  /** Everything that must stay as it is: the disks whole, and every file of the state directory. */
  async function world(): Promise<string> {
    const state = join(node.folder, 'state');
    const entries = (await readdir(state, { recursive: true, withFileTypes: true })).filter((one) =>
      one.isFile(),
    );
    const files = entries.map(({ parentPath, name }) => join(parentPath, name)).toSorted();
    const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    return [...(await Promise.all(Object.values(disks).map(checksum))), ...files, ...texts].join('\n');
  }

  beforeAll(async () => {
    node = await TestNode.create();
    const [owned, blank, foreign] = [
      await node.disk('owned', GIB),
      await node.disk('blank'),
      await node.disk('foreign'),
    ];
    disks = { owned, blank, foreign };
    await run('mkfs.ext4', ['-q', foreign]);
    const driver = await node.start([{ paths: [owned] }]);
    handle = (await bringUp(node.player, { name: 'pvc-cli', sizeBytes: 300n * 1024n ** 2n, access: 'xfs' }))
      .id;
    await driver.stop();
    await node.configure([{ paths: Object.values(disks) }]);
    before = await world();
  });
  afterAll(() => node[Symbol.asyncDispose]());

  it('status shows pools, disks with verdicts, volumes and what waits, with no driver running', async () => {
    const status = await node.json<StatusJson>(['status']);
    const verdicts = Object.fromEntries(status.disks.map(({ disk, verdict }) => [disk, verdict]));
    expect(status.pools).toEqual([expect.objectContaining({ pool: 'fast', disks: 1 })]);
    expect(verdicts[disks.owned]).toBe('owned by pool fast');
    expect(verdicts[disks.blank]).toBe('blank, to be taken for pool fast');
    expect(verdicts[disks.foreign]).toMatch(/^refused: has a signature \(ext4/);
    expect(status.volumes).toEqual([
      expect.objectContaining({ handle, name: 'pvc-cli', state: 'prepared, served' }),
    ]);
    expect({ quarantined: status.quarantined, setAside: status.setAside }).toEqual({
      quarantined: [],
      setAside: [],
    });
  });

  it('status says the same in lines for people', async () => {
    const { code, stdout, stderr } = await node.cli(['status']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Pools\n {2}fast {2}1 disk {2}/m);
    expect(stdout).toMatch(new RegExp(`^ {2}${disks.owned} .*owned by pool fast$`, 'm'));
    expect(stdout).toMatch(new RegExp(`^ {2}${disks.foreign} .*refused: has a signature`, 'm'));
    expect(stdout).toMatch(new RegExp(`^ {2}${handle} {2}pvc-cli {2}300 MiB .*prepared, served$`, 'm'));
  });

  it('plan prints the steps that a driver would take, and why it leaves the rest alone', async () => {
    const plan = await node.json<PlanJson>(['plan']);
    const take = { kind: 'take', because: 'blank', text: `take ${disks.blank} for pool fast (blank)` };
    expect(plan.steps.filter(({ text }) => Object.values(disks).some((disk) => text.includes(disk)))).toEqual(
      [take],
    );
    expect(plan.leftAlone).toContainEqual({
      disk: disks.foreign,
      verdict: expect.stringMatching(/^refused: has a signature/),
    });
    const { stdout } = await node.cli(['plan']);
    expect(stdout).toMatch(
      new RegExp(`^Steps\n {2}1\\. {2}take ${disks.blank} for pool fast \\(blank\\)$`, 'm'),
    );
    expect(stdout).toMatch(new RegExp(`^ {2}${disks.foreign} +refused: has a signature`, 'm'));
  });

  it('why tells all of a disk, by path, by name and by identity', async () => {
    const { foreign } = disks;
    const name = foreign.slice('/dev/'.length);
    const identity = `loop:${node.lab.path('foreign.img')}`;
    const answers = await Promise.all(
      [foreign, name, identity].map((subject) => node.json<WhyJson>(['why', subject])),
    );
    for (const answer of answers) {
      expect(answer).toMatchObject({ disk: foreign, identity, verdict: 'refused', pools: ['fast'] });
      expect(answer.findings.map(({ reason }) => reason)).toEqual(['has a signature', 'unrecognised data']);
      expect(answer.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  it('why says in lines what to do about it, with the line to configure', async () => {
    const { stdout } = await node.cli(['why', disks.foreign]);
    expect(stdout).toContain('because    has a signature: ext4');
    expect(stdout).toContain('also       unrecognised data');
    expect(stdout).toMatch(/eraseAndTake: \[\{ disk: "loop:.*foreign\.img", found: [0-9a-f]{64} \}\]/);
  });

  it('why tells what is on a disk of ours', async () => {
    const { stdout } = await node.cli(['why', disks.owned]);
    expect(stdout).toMatch(/^ {2}mark {7}[0-9a-f-]{36} of node .*, taken 2/m);
    expect(stdout).toContain(`  slices     partition 2: 300 MiB, prepared, volume ${handle} (pvc-cli)\n`);
  });

  it('why tells a volume by handle and by name', async () => {
    for (const subject of [handle, handle.toUpperCase(), 'pvc-cli']) {
      const { code, stdout, stderr } = await node.cli(['why', subject]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(`volume ${handle} (pvc-cli): served (@served)`);
      expect(stdout).toMatch(new RegExp(`slice {6}partition 2 of ${disks.owned}: prepared, 300 MiB`));
      expect(stdout).toMatch(/record {5}committed, pool fast/);
    }
  });

  it.each<readonly [string, string]>([
    ['nonsense', '"nonsense" is neither a disk of this node'],
    ['11111111-2222-8333-8444-555555555555', 'neither a record nor a slice on node'],
  ])('why %s ends with 2 and says that there is no such thing', async (subject, words) => {
    const { code, stdout, stderr } = await node.cli(['why', subject]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(words);
  });

  it('take every option from its variable, and an option before it', async () => {
    const env = {
      INSTANCE_STORE_CSI_CONFIG: join(node.folder, 'config.yaml'),
      INSTANCE_STORE_CSI_STATE_DIR: join(node.folder, 'state'),
      INSTANCE_STORE_CSI_MACHINE_ID: node.identity.machine,
      INSTANCE_STORE_CSI_JSON: 'true',
      NODE_NAME: 'node-from-alias',
    };
    const nodeOf = async ({ code, stdout }: CliResult) => [
      code,
      (JSON.parse(stdout) as { node: string }).node,
    ];
    expect(await nodeOf(await runCli(['status'], env))).toEqual([0, 'node-from-alias']);
    const own = { ...env, INSTANCE_STORE_CSI_NODE_NAME: 'node-from-variable' };
    expect(await nodeOf(await runCli(['status'], own))).toEqual([0, 'node-from-variable']);
    expect(await nodeOf(await runCli(['status', '--node-name', 'node-from-option'], own))).toEqual([
      0,
      'node-from-option',
    ]);
  });

  it('refuse a variable for --json that says neither yes nor no, and take an empty one as none', async () => {
    const { code, stderr } = await runCli(['status'], { NODE_NAME: 'n', INSTANCE_STORE_CSI_JSON: '1' });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'instance-store-csi: INSTANCE_STORE_CSI_JSON is "1", want true or false',
    });
    const empty = { NODE_NAME: 'n', INSTANCE_STORE_CSI_NODE_NAME: '', INSTANCE_STORE_CSI_LOG_LEVEL: '' };
    expect((await runCli(['status'], empty)).code).toBe(0);
  });

  it('want root', async () => {
    // The capability lets it read this checkout, wherever that is.
    const nobody = [
      '--reuid=65534',
      '--clear-groups',
      '--inh-caps=+dac_override',
      '--ambient-caps=+dac_override',
    ];
    const asked = run('setpriv', [...nobody, launcher(), 'status', '--node-name', 'n']);
    await expect(asked).rejects.toThrow('found user id 65534, want root');
  });

  it('work beside a running driver', async () => {
    const driver = await node.start([{ paths: [disks.owned] }]);
    expect((await node.json<StatusJson>(['status'])).volumes).toEqual([expect.objectContaining({ handle })]);
    await driver.stop();
    await node.configure([{ paths: Object.values(disks) }]);
  });

  it('wrote nothing in all that, to no disk and not to the state directory', async () => {
    expect(await world()).toBe(before);
  });

  it('make no state directory where there is none', async () => {
    const stateDir = node.lab.path('no-such-state');
    const config = ['--config', join(node.folder, 'config.yaml'), '--node-name', 'node-1'];
    expect((await runCli(['status', ...config, '--state-dir', stateDir])).code).toBe(0);
    await expect(readdir(stateDir)).rejects.toThrow('ENOENT');
  });
});

const POOL = { name: 'fast', disks: { match: [{ model: 'x' }], minSize: '1Gi' } };
const KIND = { apiVersion: 'instance-store.csi.dev/v1alpha1', kind: 'DriverConfiguration' };

describe('a configuration', () => {
  it.each<readonly [string, unknown, string]>([
    ['an unknown key', { ...KIND, pools: [POOL], colour: 'red' }, 'colour is an unknown key'],
    [
      'an unknown key of a pool',
      { ...KIND, pools: [{ ...POOL, sanitise: 'zero' }] },
      'pools[0].sanitise is an unknown key',
    ],
    [
      'an unknown key of disks',
      { ...KIND, pools: [{ ...POOL, disks: { ...POOL.disks, maxSize: '1Gi' } }] },
      'pools[0].disks.maxSize is an unknown key',
    ],
    [
      'an unknown key of a match',
      { ...KIND, pools: [{ ...POOL, disks: { match: [{ modle: 'x' }] } }] },
      'pools[0].disks.match[0].modle is an unknown key',
    ],
    [
      'another version',
      { ...KIND, apiVersion: 'v2', pools: [POOL] },
      'apiVersion is "v2", want instance-store.csi.dev/v1alpha1',
    ],
    ['no pools', { ...KIND, pools: [] }, 'pools is empty, want a pool'],
    [
      'no match',
      { ...KIND, pools: [{ ...POOL, disks: { match: [] } }] },
      'pools[0].disks.match is empty, want a line',
    ],
    [
      'an empty match',
      { ...KIND, pools: [{ ...POOL, disks: { match: [{}] } }] },
      'pools[0].disks.match[0] is empty, want at least one property',
    ],
    [
      'a size that is none',
      { ...KIND, pools: [{ ...POOL, disks: { ...POOL.disks, minSize: '10 elephants' } }] },
      'pools[0].disks.minSize is "10 elephants", want a size such as 10Gi',
    ],
    [
      'a size in plain bytes',
      { ...KIND, pools: [{ ...POOL, disks: { ...POOL.disks, minSize: 10_737_418_240 } }] },
      'pools[0].disks.minSize is 10737418240, want a size such as 10Gi',
    ],
    [
      'a mapping where a list belongs',
      { ...KIND, pools: [{ ...POOL, disks: { match: { model: 'x' } } }] },
      'pools[0].disks.match is a mapping, want a list',
    ],
    [
      'too many passes',
      { ...KIND, pools: [{ ...POOL, sanitize: 'shred', shredPasses: 99 }] },
      'pools[0].shredPasses is 99, want a number from 1 to 35',
    ],
    [
      'passes for what does not shred',
      { ...KIND, pools: [{ ...POOL, shredPasses: 3 }] },
      'pools[0].shredPasses is for sanitize: shred alone',
    ],
    [
      'a limit of nearly nothing',
      { ...KIND, pools: [{ ...POOL, sanitizeBytesPerSecond: '64Ki' }] },
      'pools[0].sanitizeBytesPerSecond is "64Ki", want a size of at least 1Mi',
    ],
    [
      'a limit for what is not sanitized',
      { ...KIND, pools: [{ ...POOL, sanitize: 'none', sanitizeBytesPerSecond: '1Gi' }] },
      'pools[0].sanitizeBytesPerSecond slows nothing down with sanitize: none',
    ],
    ['nothing in it', null, 'the file is empty, want a mapping'],
    [
      'a negative size',
      { ...KIND, pools: [{ ...POOL, disks: { ...POOL.disks, minSize: '-1Gi' } }] },
      'pools[0].disks.minSize is "-1Gi"',
    ],
    [
      'two pools of one name',
      { ...KIND, pools: [POOL, { ...POOL, disks: { match: [{ model: 'y' }] } }] },
      'pools[1] and pools[0] overlap: both have the name "fast"',
    ],
    [
      'two pools of one match',
      { ...KIND, pools: [POOL, { ...POOL, name: 'slow' }] },
      'pools[1] and pools[0] overlap: both have the match',
    ],
    [
      'a name that is none',
      { ...KIND, pools: [{ ...POOL, name: 'Fast; rm -rf /' }] },
      'pools[0].name is "Fast; rm -rf /", want at most 25',
    ],
    [
      'a carving that is not there',
      { ...KIND, pools: [{ ...POOL, carving: 'loaf' }] },
      'pools[0].carving is "loaf", want one of partition, whole, lvm',
    ],
    [
      'an array that is not there',
      { ...KIND, pools: [{ ...POOL, array: 'raid5' }] },
      'pools[0].array is "raid5", want one of none, raid0, raid1, raid10',
    ],
    [
      'an array of one disk',
      { ...KIND, pools: [{ ...POOL, array: 'raid0', disks: { ...POOL.disks, count: 1 } }] },
      'pools[0].disks.count is 1, want a number from 2 to 32',
    ],
    [
      'a count of disks for no array',
      { ...KIND, pools: [{ ...POOL, disks: { ...POOL.disks, count: 2 } }] },
      'pools[0].disks.count is for arrays; array is none',
    ],
    [
      'a wait for disks of no array',
      { ...KIND, pools: [{ ...POOL, disks: { ...POOL.disks, settle: '5m' } }] },
      'pools[0].disks.settle is for arrays; array is none',
    ],
    [
      'a wait that is none',
      { ...KIND, pools: [{ ...POOL, array: 'raid0', disks: { ...POOL.disks, settle: 'a while' } }] },
      'pools[0].disks.settle is "a while", want a duration such as 60s or 5m',
    ],
    [
      'a chunk for what has no stripes',
      { ...KIND, pools: [{ ...POOL, array: 'raid1', chunk: '64Ki' }] },
      'pools[0].chunk is for raid0 and raid10; array is raid1',
    ],
    [
      'a chunk that is no power of two',
      { ...KIND, pools: [{ ...POOL, array: 'raid0', chunk: '96Ki' }] },
      'pools[0].chunk is "96Ki", want a power of two from 4Ki to 64Mi',
    ],
    [
      'a fingerprint that is none',
      {
        ...KIND,
        pools: [{ ...POOL, disks: { ...POOL.disks, eraseAndTake: [{ disk: 'x', found: 'yes' }] } }],
      },
      'pools[0].disks.eraseAndTake[0].found is "yes", want the fingerprint',
    ],
  ])(
    'with %s is refused in words that name the field, by the driver and by status',
    async (_, value, words) => {
      await using node = await TestNode.create();
      const file = await node.file('config.yaml', JSON.stringify(value));
      const stateDir = node.lab.path('state');
      const common = ['--config', file, '--state-dir', stateDir, '--node-name', 'node-1'];
      const endpoint = ['--endpoint', `unix://${node.lab.path('csi.sock')}`];
      for (const argv of [
        ['status', ...common],
        ['node', ...endpoint, ...common],
      ]) {
        const { code, stderr } = await runCli(argv);
        expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(words) });
      }
      await expect(readdir(stateDir)).rejects.toThrow('ENOENT');
    },
  );

  it('that is no YAML is refused with line and column', async () => {
    await using node = await TestNode.create();
    const file = await node.file('config.yaml', `${configOf([])}\n]: [`);
    const { code, stderr } = await runCli(['status', '--config', file, '--node-name', 'node-1']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/line \d+, column \d+/) });
  });
});
