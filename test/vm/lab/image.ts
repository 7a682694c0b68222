import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CACHE, GUEST } from './place.ts';
import { run } from './tool.ts';

/** Paths of what a machine boots: Debian's own kernel, and a Debian with the tools that the tests are about. */
export type Image = { readonly kernel: string; readonly initramfs: string; readonly root: string };

const PACKAGES = [
  ...['busybox-static', 'kmod', 'libstdc++6', 'mount', 'procps', 'util-linux', 'util-linux-extra'],
  ...['btrfs-progs', 'e2fsprogs', 'quota', 'xfsprogs'],
  ...['cryptsetup-bin', 'dmsetup', 'lvm2', 'mdadm', 'thin-provisioning-tools'],
  ...['fdisk', 'fio', 'nvme-cli'],
  // What a host may run on its own account, and what may then lay hands on our disks.
  ...['multipath-tools', 'udev', 'udisks2'],
];

/** What of the kernel's modules the root gets; all of them would be 390 MiB of drivers for what is not there. */
const MODULES = [
  ...['arch', 'block', 'crypto', 'fs', 'lib', 'net/9p', 'net/802', 'net/ipv4', 'net/ipv6', 'net/core'],
  ...['block', 'char/virtio_console.ko', 'dax', 'md', 'nvme', 'virtio'].map((name) => `drivers/${name}`),
  ...['scsi_common', 'scsi_debug', 'scsi_mod', 'sd_mod'].map((name) => `drivers/scsi/${name}.ko`),
];

/** Without these the root cannot be mounted. */
const EARLY_MODULES = ['virtio_pci', 'virtio_blk', 'ext4', '9p', '9pnet_virtio'];

/** Sparse. What a machine writes to its root goes when it ends. */
const ROOT_SIZE = '4G';
/** A mirror may be slow. */
const DEBIAN_TIMEOUT_MS = 15 * 60_000;

/** Makes what a machine boots, unless this very image is in the cache. */
export async function makeImage(): Promise<void> {
  const folder = folderOfImage();
  if (existsSync(folder)) return;
  console.log('setup: making the virtual machine, a minute or two the first time');
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(join(CACHE, 'making-'));
  try {
    const image = join(work, 'image');
    await mkdir(image);
    await build(work, imageIn(image));
    await rename(image, folder);
  } finally {
    await rm(work, { recursive: true });
  }
}

/** @throws when it was not made yet */
export function readyImage(): Image {
  if (!existsSync(folderOfImage()))
    throw new Error('What the machine boots was not made yet: scripts/setup vm');
  return imageIn(folderOfImage());
}

function imageIn(folder: string): Image {
  return {
    kernel: join(folder, 'kernel'),
    initramfs: join(folder, 'initramfs'),
    root: join(folder, 'root.img'),
  };
}

/** Another Debian, another Node, other packages or another way of putting them together are another image. */
function folderOfImage(): string {
  const inputs = [codename(), process.version, ...debianSources(), import.meta.filename, initOfInitramfs];
  const texts = inputs.map((one) => (existsSync(one) ? readFileSync(one, 'utf8') : one));
  return join(CACHE, createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 16));
}

const initOfInitramfs = join(GUEST, 'init');

function codename(): string {
  const found = /^VERSION_CODENAME=(.+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  if (found === undefined)
    throw new Error('/etc/os-release names no VERSION_CODENAME: want a release of Debian');
  return found;
}

/** Where this machine has its Debian from, and nothing else of its sources. */
function debianSources(): readonly string[] {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...readdirSync(folder)
      .filter((name) => /\.(list|sources)$/.test(name))
      .map((name) => join(folder, name)),
  ];
  return files.filter((file) => existsSync(file) && /^(?!\s*#).*\/debian/m.test(readFileSync(file, 'utf8')));
}

async function build(work: string, image: Image): Promise<void> {
  const root = join(work, 'root');
  await makeDebian(root);
  const { modules, vmlinuz } = await unpackKernel(root, join(work, 'kernel'));
  await extractKernel(vmlinuz, image.kernel);
  await copyModules(modules, root);
  await copyFile(process.execPath, join(root, 'usr/bin/node'));
  for (const mountPoint of ['checkout', 'share', 'kept']) await mkdir(join(root, mountPoint));
  await run('mke2fs', [
    '-q',
    '-t',
    'ext4',
    '-O',
    '^has_journal,^metadata_csum',
    '-d',
    root,
    image.root,
    ROOT_SIZE,
  ]);
  await makeInitramfs({ root, modules, folder: join(work, 'initramfs') }, image.initramfs);
}

/** The package of the kernel is fetched into its /srv, not installed. */
async function makeDebian(root: string): Promise<void> {
  const leftOut = ['doc', 'info', 'lintian', 'locale', 'man'];
  const fetchKernel = [
    'cd "$1/srv"; export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG";',
    'apt-get -qq -o APT::Sandbox::User=root download',
    `$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \\(linux-image-.*\\)/\\1/p')`,
  ];
  const args = [
    ...['--quiet', '--variant=minbase', `--include=${PACKAGES.join(',')}`],
    ...['--aptopt=APT::Install-Recommends "false"', '--dpkgopt=force-unsafe-io'],
    ...leftOut.map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
    `--customize-hook=${fetchKernel.join(' ')}`,
  ];
  await run('mmdebstrap', [...args, codename(), root, ...debianSources()], { timeout: DEBIAN_TIMEOUT_MS });
}

type Kernel = { readonly modules: string; readonly vmlinuz: string };

async function unpackKernel(root: string, folder: string): Promise<Kernel> {
  const [name] = await readdir(join(root, 'srv'));
  if (name === undefined) throw new Error('Debian gave no package of linux-image-amd64');
  await run('dpkg-deb', ['--extract', join(root, 'srv', name), folder]);
  await rm(join(root, 'srv', name));
  const [release] = await readdir(join(folder, 'lib/modules'));
  if (release === undefined) throw new Error(`${name} holds no modules`);
  return { modules: join(folder, 'lib/modules', release), vmlinuz: join(folder, `boot/vmlinuz-${release}`) };
}

/** QEMU boots the kernel proper as well as the archive that unpacks itself, and saves the guest seconds of unpacking. */
async function extractKernel(vmlinuz: string, kernel: string): Promise<void> {
  const archive = readFileSync(vmlinuz);
  const at = archive.indexOf(Buffer.from('fd377a585a00', 'hex'));
  if (at < 0) throw new Error(`${basename(vmlinuz)}: found no xz stream in it, want the kernel packed by xz`);
  await run('xz', ['--decompress', '--stdout', '--single-stream'], {
    input: archive.subarray(at),
    stdin: 'pipe',
    stdout: { file: kernel },
  });
}

async function copyModules(modules: string, root: string): Promise<void> {
  const release = basename(modules);
  const to = join(root, 'usr/lib/modules', release);
  for (const name of MODULES) {
    if (existsSync(join(modules, 'kernel', name)))
      await cp(join(modules, 'kernel', name), join(to, 'kernel', name), { recursive: true });
  }
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    await copyFile(join(modules, name), join(to, name));
  }
  await run('depmod', ['--basedir', root, release]);
}

type Early = { readonly root: string; readonly modules: string; readonly folder: string };

/** A shell and a few modules, whose only work is to find the root. */
async function makeInitramfs({ root, modules, folder }: Early, initramfs: string): Promise<void> {
  for (const name of ['bin', 'dev', 'proc', 'sys', 'root', 'modules'])
    await mkdir(join(folder, name), { recursive: true });
  await copyFile(join(root, 'bin/busybox'), join(folder, 'bin/busybox'));
  await copyFile(initOfInitramfs, join(folder, 'init'));
  await chmod(join(folder, 'init'), 0o755);
  const files = await earlyModules(root, basename(modules));
  for (const file of files) await copyFile(file, join(folder, 'modules', basename(file)));
  await writeFile(join(folder, 'modules/list'), files.map((file) => `${basename(file)}\n`).join(''));
  const names = await readdir(folder, { recursive: true });
  const list = { input: names.join('\n'), stdin: 'pipe', stdout: { file: initramfs }, cwd: folder } as const;
  await run('cpio', ['--create', '--format=newc', '--quiet'], list);
}

/** Each after those that it needs. */
async function earlyModules(root: string, release: string): Promise<readonly string[]> {
  const lists = EARLY_MODULES.map((name) =>
    run('modprobe', ['--dirname', root, '--set-version', release, '--show-depends', name]),
  );
  const lines = (await Promise.all(lists)).flatMap((text) => text.split('\n'));
  const files = lines
    .filter((line) => line.startsWith('insmod '))
    .map((line) => line.slice('insmod '.length).trim());
  return [...new Set(files)];
}
