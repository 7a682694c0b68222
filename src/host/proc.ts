import { readFile } from 'node:fs/promises';
import { DriverError, messageOf } from '../model/errors.ts';

/** /proc/PID/mountinfo and /proc/swaps. */

/** @see proc_pid_mountinfo(5) */
export type Mount = {
  readonly id: number;
  readonly parentId: number;
  /** Of the filesystem; btrfs and others without one device have major 0. */
  readonly majorMinor: string;
  /** What of the filesystem is mounted here; for a bind of a device node the node's path inside devtmpfs. */
  readonly root: string;
  /** What was mounted has been deleted since; the kernel says so in `root`, from which it is taken off here. */
  readonly rootDeleted: boolean;
  readonly target: string;
  /** Of this mount only: a read-only bind has `ro` here and `rw` in superOptions. */
  readonly options: readonly string[];
  /** Propagation: `shared:12`, `master:3`. */
  readonly optional: readonly string[];
  readonly fsType: string;
  readonly source: string;
  readonly superOptions: readonly string[];
};

export type Swap = { readonly path: string; readonly type: string };

const DELETED = '//deleted';

/** Every line or an error: a line that is not understood could be the one that matters. */
export function parseMountinfo(text: string): readonly Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseMount);
}

function parseMount(line: string): Mount {
  const fields = line.split(' ');
  const dash = fields.indexOf('-', 6);
  const [id, parentId, majorMinor, root, target, options] = fields;
  const [fsType, source, superOptions] = dash < 0 ? [] : fields.slice(dash + 1);
  if (!majorMinor || !root || !target || fsType === undefined || source === undefined) {
    throw new DriverError('unknown', `Cannot understand the line of mountinfo ${JSON.stringify(line)}`);
  }
  const rootPath = unescaped(root);
  return {
    id: Number(id),
    parentId: Number(parentId),
    majorMinor,
    root: rootPath.endsWith(DELETED) ? rootPath.slice(0, -DELETED.length) : rootPath,
    rootDeleted: rootPath.endsWith(DELETED),
    target: unescaped(target),
    options: (options ?? '').split(','),
    optional: fields.slice(6, dash),
    fsType,
    source: unescaped(source),
    superOptions: unescaped(superOptions ?? '').split(','),
  };
}

/** The kernel writes blanks, newlines, backslashes and hashes as `\040`. Bytes, as a character may be several of them. */
function unescaped(field: string): string {
  if (!field.includes('\\')) return field;
  const latin = Buffer.from(field, 'utf8').toString('latin1');
  const bytes = latin.replaceAll(/\\([0-3][0-7]{2})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** This process's view. @throws {DriverError} `unknown` */
export async function readMounts(proc = '/proc'): Promise<readonly Mount[]> {
  return parseMountinfo(await contents(`${proc}/self/mountinfo`));
}

/**
 * Ours and that of the machine's first process: in a pod of the host's PID namespace those are the host's mounts,
 * which a container does not see otherwise.
 * @throws {DriverError} `unknown` when either cannot be read
 */
export async function readAllMounts(proc = '/proc'): Promise<readonly Mount[]> {
  const texts = await Promise.all(['self', '1'].map((pid) => contents(`${proc}/${pid}/mountinfo`)));
  const lines = new Set(texts.flatMap((text) => text.split('\n')));
  return parseMountinfo([...lines].join('\n'));
}

export function parseSwaps(text: string): readonly Swap[] {
  const lines = text
    .split('\n')
    .slice(1)
    .filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [path, type] = line.split(/\s+/);
    if (!path || !type)
      throw new DriverError('unknown', `Cannot understand the line of swaps ${JSON.stringify(line)}`);
    return { path: unescaped(path), type };
  });
}

/** @throws {DriverError} `unknown` */
export async function readSwaps(proc = '/proc'): Promise<readonly Swap[]> {
  return parseSwaps(await contents(`${proc}/swaps`));
}

async function contents(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new DriverError('unknown', `Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}
