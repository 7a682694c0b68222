import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import { buildAndUnpack, type Unpacked } from './unpack.ts';

/** Base images, npm packages and Debian packages, all of them fetched on a busy machine. */
const BUILD_TIMEOUT_MS = 30 * 60_000;
const COMPRESSED_MB_MAX = 60;

const SOURCE = join(import.meta.dirname, '../../src');
const { version: VERSION } = JSON.parse(readFileSync(join(SOURCE, '../package.json'), 'utf8')) as {
  readonly version: string;
};

let folder: string;
let image: Unpacked;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-'));
  image = await buildAndUnpack(folder);
}, BUILD_TIMEOUT_MS);

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a command in the image's files, with the image's environment and nothing of the machine but its kernel. */
function inside(argv: readonly string[]) {
  const [command = '', ...args] = argv;
  return execa('chroot', [image.root, command, ...args], {
    reject: false,
    extendEnv: false,
    env: Object.fromEntries(image.config.Env.map((line) => line.split(/=(.*)/s, 2))),
  });
}

const textOf = (path: string): Promise<string> => readFile(join(image.root, path), 'utf8');

async function executables(): Promise<readonly string[]> {
  const names = await Promise.all(['usr/bin', 'usr/sbin'].map((dir) => readdir(join(image.root, dir))));
  return names.flat().sort();
}

/** The programs that the source starts: exec.ts starts everything, by names that stand in src/host. */
async function programsOfSource(): Promise<ReadonlySet<string>> {
  const names = (await readdir(join(SOURCE, 'host'))).map((name) => join(SOURCE, 'host', name));
  const text = (await Promise.all(names.map((name) => readFile(name, 'utf8')))).join('\n');
  const literals = text.matchAll(/(?:\bcommand(?:: |\()|execa\()'([a-z][a-z0-9_.]*)'/g);
  return new Set([...literals].map(([, name]) => name as string));
}

describe('the image', () => {
  it(`is smaller than ${COMPRESSED_MB_MAX} MB as it travels`, () => {
    expect(image.compressedMb).toBeGreaterThan(20);
    expect(image.compressedMb).toBeLessThanOrEqual(COMPRESSED_MB_MAX);
  });

  it('has the programs that the source starts, what their names lead to, and no other: no shell', async () => {
    const found = await executables();
    expect(found).toEqual(expect.arrayContaining([...(await programsOfSource())]));
    expect(found).toEqual(
      [
        ...['blkdiscard', 'blkid', 'delpart', 'flock', 'mount', 'partx', 'resizepart', 'setpriv', 'sfdisk'],
        ...['umount', 'wipefs', 'dd', 'stat', 'xfs_growfs', 'mkfs.xfs', 'resize2fs', 'btrfs', 'mkfs.btrfs'],
        ...['e2fsck', 'mkfs.ext4', 'mke2fs', 'dmsetup', 'lvm', 'mdadm', 'node', 'instance-store-csi'],
      ].sort(),
    );
  });

  it('has every library of its programs: each one runs', async () => {
    for (const name of await executables()) {
      const { exitCode, stderr } = await inside([name, '--version']);
      // 127: the loader's answer when a library is missing. Some know no --version and end with other codes.
      expect({ name, exitCode, stderr }).not.toMatchObject({ exitCode: 127 });
      expect(stderr).not.toMatch(/error while loading|version .* not found/);
    }
  });

  it('starts the driver with settings that its Node accepts', async () => {
    const said = { exitCode: 0, stdout: `instance-store-csi ${VERSION}` };
    expect(await inside([...image.config.Entrypoint, '--version'])).toMatchObject(said);
    expect(await inside(['instance-store-csi', '--version'])).toMatchObject(said);
  });

  it('has the bundles, and the client for Kubernetes in the controller alone', async () => {
    const bundles = ['instance-store-csi.mjs', 'probe.mjs', 'controller.mjs'];
    expect((await readdir(join(image.root, 'app'))).sort()).toEqual(
      ['administration.proto', 'csi.proto', ...bundles].sort(),
    );
    // esbuild says above each module where it came from.
    const client = 'node_modules/@kubernetes/client-node/';
    const has = await Promise.all(
      bundles.map(async (name) => (await textOf(`app/${name}`)).includes(client)),
    );
    expect(has).toEqual([false, false, true]);
  });

  it('tells scanners which packages it was picked from, and brings their licences', async () => {
    const packages = await readdir(join(image.root, 'var/lib/dpkg/status.d'));
    expect(packages).toEqual(
      expect.arrayContaining([
        'libc6',
        'libstdc++6',
        'util-linux',
        'xfsprogs',
        'e2fsprogs',
        'btrfs-progs',
        'lvm2',
      ]),
    );
    for (const name of packages) {
      expect(await textOf(`var/lib/dpkg/status.d/${name}`)).toMatch(/^Package: .*^Version: /ms);
      expect((await stat(join(image.root, 'usr/share/doc', name, 'copyright'))).size).toBeGreaterThan(0);
    }
    expect(await textOf('etc/os-release')).toContain('ID=debian');
  });

  it('says what it is', () => {
    expect(image.config.Labels).toMatchObject({
      'org.opencontainers.image.title': 'instance-store-csi',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': VERSION,
    });
  });
});
