import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Durable } from '../host/durable.ts';
import { DriverError, messageOf } from '../model/errors.ts';
import { decodeRecord, encodeRecord, type VolumeRecord } from '../model/record.ts';
import { parseUuid, type Uuid } from '../model/uuid.ts';

/**
 * The records of this node: a file per volume below the state directory, all of them in memory too, as one process
 * owns the directory. What write() and remove() answered is on the disk.
 */
export class Records {
  private readonly directory: string;
  private readonly durable: Durable;
  private readonly byHandle: Map<Uuid, VolumeRecord>;

  private constructor(directory: string, durable: Durable, byHandle: Map<Uuid, VolumeRecord>) {
    this.directory = directory;
    this.durable = durable;
    this.byHandle = byHandle;
  }

  /**
   * Reads them all. A file that is no record is renamed and told, never dropped; half a write that a kill left was
   * answered to nobody, and goes.
   */
  static async open(
    stateDirectory: string,
    durable: Durable,
    setAside: (file: string) => void,
  ): Promise<Records> {
    const directory = recordsDirectory(stateDirectory);
    await mkdir(directory, { recursive: true });
    for (const file of await unfinishedWrites(directory)) await durable.remove(file);
    const found = await readRecords(stateDirectory);
    for (const file of found.broken) {
      await durable.setAside(file);
      setAside(file);
    }
    return new Records(directory, durable, new Map(found.records.map((record) => [record.handle, record])));
  }

  get(handle: Uuid): VolumeRecord | undefined {
    return this.byHandle.get(handle);
  }

  all(): readonly VolumeRecord[] {
    return [...this.byHandle.values()];
  }

  async write(record: VolumeRecord): Promise<void> {
    await this.durable.write(this.fileOf(record.handle), encodeRecord(record));
    this.byHandle.set(record.handle, record);
  }

  async remove(handle: Uuid): Promise<void> {
    await this.durable.remove(this.fileOf(handle));
    this.byHandle.delete(handle);
  }

  private fileOf(handle: Uuid): string {
    return join(this.directory, fileName(handle));
  }
}

/** Only names that write() gives: whatever else is there is somebody's. */
async function unfinishedWrites(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory);
  return names.filter(isTemporaryOfRecord).map((name) => join(directory, name));
}

function isTemporaryOfRecord(name: string): boolean {
  const end = '.json.tmp';
  return name.endsWith(end) && parseUuid(name.slice(0, -end.length)) !== undefined;
}

function fileName(handle: Uuid): string {
  return `${handle}.json`;
}

function recordsDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'volumes');
}

/** Read-only, for the command line too; a state directory that is not there has no records. */
export async function readRecords(
  stateDirectory: string,
): Promise<{ readonly records: readonly VolumeRecord[]; readonly broken: readonly string[] }> {
  const directory = recordsDirectory(stateDirectory);
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new DriverError('host-failed', `Cannot read the records: ${messageOf(error)}`, { cause: error });
  });
  const names = entries.filter((one) => one.isFile() && one.name.endsWith('.json')).map(({ name }) => name);
  const decoded = await Promise.all(
    names.map(async (name) => {
      const file = join(directory, name);
      const record = decodeRecord(await readFile(file, 'utf8'));
      // A copy under another name would outlive its volume, as remove() knows one name only.
      return { file, record: record !== undefined && fileName(record.handle) === name ? record : undefined };
    }),
  );
  return {
    records: decoded.flatMap(({ record }) => (record === undefined ? [] : [record])),
    broken: decoded.flatMap(({ file, record }) => (record === undefined ? [file] : [])),
  };
}
