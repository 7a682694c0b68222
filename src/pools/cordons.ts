import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Durable } from '../host/durable.ts';
import { errnoOf } from '../host/errno.ts';
import { ABSENT, type Answer, present, unknown } from '../model/answer.ts';
import { type Cordon, type Cordons, decodeCordons, encodeCordons } from '../model/cordon.ts';
import { DriverError, messageOf } from '../model/errors.ts';

/** What people said of disks, as it is known now. */
export type KnownCordons = {
  /** `unknown` for every disk when the file cannot be read: one of them may have been given away. */
  of(identity: string | undefined): Answer<Cordon>;
};

/** Read-only, for the command line too. */
export async function readCordons(stateDirectory: string): Promise<KnownCordons> {
  return knownBy(await readFileOf(stateDirectory));
}

/**
 * The cordons of this node: a file of the state directory, and in memory too, as one process owns the directory. A file
 * that cannot be read is left for a person to see, and nothing new is put on any disk meanwhile.
 */
export class CordonFile implements KnownCordons {
  private readonly path: string;
  private readonly durable: Durable;
  private cordons: Answer<Cordons>;

  private constructor(path: string, durable: Durable, cordons: Answer<Cordons>) {
    this.path = path;
    this.durable = durable;
    this.cordons = cordons;
  }

  static async open(stateDirectory: string, durable: Durable): Promise<CordonFile> {
    return new CordonFile(fileIn(stateDirectory), durable, await readFileOf(stateDirectory));
  }

  of(identity: string | undefined): Answer<Cordon> {
    return knownBy(this.cordons).of(identity);
  }

  /** On disk when it resolves. @throws DriverError `unknown` when the file cannot be read, `host-failed` */
  async set(identity: string, cordon: Cordon): Promise<void> {
    await this.keep(new Map([...this.expectKnown(), [identity, cordon]]));
  }

  /** @throws DriverError `unknown` when the file cannot be read, `host-failed` */
  async lift(identity: string): Promise<void> {
    const others = [...this.expectKnown()].filter(([one]) => one !== identity);
    await this.keep(new Map(others));
  }

  /** Why nobody can tell which disks are cordoned. */
  get unreadWhy(): string | undefined {
    return this.cordons.is === 'unknown' ? this.cordons.why : undefined;
  }

  private async keep(cordons: Cordons): Promise<void> {
    await this.durable.write(this.path, encodeCordons(cordons));
    this.cordons = present(cordons);
  }

  private expectKnown(): Cordons {
    if (this.cordons.is === 'unknown') throw new DriverError('unknown', this.cordons.why);
    return this.cordons.is === 'present' ? this.cordons.value : new Map();
  }
}

function knownBy(cordons: Answer<Cordons>): KnownCordons {
  return {
    of(identity) {
      if (cordons.is === 'unknown') return cordons;
      const cordon =
        identity === undefined || cordons.is === 'absent' ? undefined : cordons.value.get(identity);
      return cordon === undefined ? ABSENT : present(cordon);
    },
  };
}

function fileIn(stateDirectory: string): string {
  return join(stateDirectory, 'cordons.json');
}

async function readFileOf(stateDirectory: string): Promise<Answer<Cordons>> {
  const path = fileIn(stateDirectory);
  try {
    const cordons = decodeCordons(await readFile(path, 'utf8'));
    const advice = 'repair it, or remove it to lift every cordon, and start the driver anew';
    return cordons === undefined
      ? unknown(`${path} is not what the driver wrote: ${advice}`)
      : present(cordons);
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? ABSENT : unknown(`cannot read ${path}: ${messageOf(error)}`);
  }
}
