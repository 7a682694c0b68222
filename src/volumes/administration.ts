import type { Disk } from '../model/disk.ts';
import { DriverError } from '../model/errors.ts';
import { foundInWords, poolsFor, type Verdict } from '../model/judge.ts';
import { isCalled } from '../model/match.ts';
import type { Slice } from '../model/slice.ts';
import type { Device } from '../pools/device.ts';
import type { Looked } from '../pools/look.ts';
import { readWrittenNote } from '../pools/release.ts';
import type { VolumesContext } from './context.ts';

/** What a person asks of one disk; each answers with a sentence, and repeated with the same. */
export type Administration = {
  /** Nothing new is put on it from now on. @throws DriverError `not-found`, `unsupported`, `unknown`, `host-failed` */
  cordon(disk: string): Promise<string>;
  /** It is judged as if nobody had cordoned it. @throws DriverError `not-found`, `unknown`, `host-failed` */
  uncordon(disk: string): Promise<string>;
  /**
   * Cordons it and takes our mark off. @throws DriverError `not-found`, `unsupported` (it is none of ours, or not yet
   * possible), `in-use` naming what is on it, `inaccessible`, `unknown`, `host-failed`
   */
  release(disk: string): Promise<string>;
};

/** @param refresh looks at the disks, so that what was asked has happened when it is answered */
export function createAdministration(context: VolumesContext, refresh: () => Promise<void>): Administration {
  const { pools } = context;
  const alone = async (act: () => Promise<string>): Promise<string> => {
    const answer = await pools.alone(act);
    await refresh();
    return answer;
  };
  return {
    cordon: (disk) => alone(() => cordonDisk(context, disk)),
    uncordon: (disk) => alone(() => uncordonDisk(context, disk)),
    release: (disk) => alone(() => releaseNamed(context, disk)),
  };
}

async function cordonDisk(context: VolumesContext, name: string): Promise<string> {
  const { pools, notify } = context;
  const { disk, verdict } = find(context, name);
  const identity = identityOf(disk);
  expectNoPart('cordon', disk, verdict);
  if (!isWanted(context, disk, verdict))
    throw new DriverError(
      'unsupported',
      `Cannot cordon ${disk.path}: it is not ours and no pool matches it, so nothing would be put on it anyway`,
    );
  if (pools.cordons.of(identity).is !== 'present') {
    await closing(context, disk, () =>
      pools.cordons.set(identity, { state: 'cordoned', since: new Date().toISOString() }),
    );
    notify({ notice: 'disk-cordoned', disk: disk.path, identity });
  }
  return `${disk.path} (${identity}) is cordoned: nothing new is put on it, what is on it is served.`;
}

/** A disk that is gone has left its cordon: it is lifted by the identity alone. */
async function uncordonDisk(context: VolumesContext, name: string): Promise<string> {
  const { pools, notify } = context;
  const disk = pools.looked().find((looked) => isCalled(looked.disk, name))?.disk;
  const identity = disk?.identity ?? name;
  const isAbsent = pools.cordons.of(identity).is === 'absent';
  if (disk === undefined && isAbsent) throw notFound(context, name);
  const path = disk?.path ?? 'a disk that is away';
  if (!isAbsent) {
    await pools.cordons.lift(identity);
    if (disk !== undefined) pools.onCordon(disk);
    notify({ notice: 'disk-uncordoned', disk: path, identity });
  }
  return `${path} (${identity}) is not cordoned: what its pool wants happens to it.`;
}

async function releaseNamed(context: VolumesContext, name: string): Promise<string> {
  const { pools } = context;
  const { disk, verdict } = find(context, name);
  const identity = identityOf(disk);
  const answer = `${disk.path} (${identity}) is given back: nothing of ours is on it, and it stays cordoned until \`uncordon\`.`;
  const cordon = pools.cordons.of(identity);
  if (verdict.is !== 'owned' && cordon.is === 'present' && cordon.value.state === 'released') return answer;
  if (verdict.is === 'releasing') {
    await pools.release(disk, verdict.note);
    return answer;
  }
  expectNoPart('release', disk, verdict);
  const device = pools.deviceOn(disk);
  if (device === undefined) throw notServed(context, disk, verdict);
  expectReleasable(device);
  const written = await readWrittenNote(context.exec, device);
  await closing(context, disk, async () => {
    expectEmpty(context, device);
    await pools.cordons.set(identity, { state: 'releasing', since: new Date().toISOString(), written });
  });
  await pools.release(disk, written.note);
  return answer;
}

/** Writes a cordon while nothing is carved on the disk; whoever waits to carve finds the device closed. */
async function closing({ pools }: VolumesContext, disk: Disk, write: () => Promise<void>): Promise<void> {
  const close = async (): Promise<void> => {
    await write();
    pools.onCordon(disk);
  };
  const device = pools.deviceOn(disk);
  await (device === undefined ? close() : device.lock.exclusive(close));
}

function find(context: VolumesContext, name: string): Looked {
  const looked = context.pools.looked().find(({ disk }) => isCalled(disk, name));
  if (looked === undefined) throw notFound(context, name);
  return looked;
}

function notFound({ pools }: VolumesContext, name: string): DriverError {
  const paths = pools.looked().map(({ disk }) => disk.path);
  return new DriverError('not-found', `"${name}" is no disk of this node (${paths.join(', ')})`);
}

function identityOf({ path, identity }: Disk): string {
  if (identity !== undefined) return identity;
  throw new DriverError('unsupported', `${path} has no identity: nothing said of it could find it again`);
}

function isWanted({ pools }: VolumesContext, disk: Disk, verdict: Verdict): boolean {
  return verdict.is === 'owned' || verdict.is === 'releasing' || poolsFor(disk, pools.pools()).length > 0;
}

function expectNoPart(verb: string, { path }: Disk, verdict: Verdict): void {
  if (verdict.is !== 'member' && verdict.is !== 'joining') return;
  const what = 'it is a part of an array, and those cannot be given back one by one yet';
  throw new DriverError('unsupported', `Cannot ${verb} ${path}: ${what}`);
}

function notServed({ pools }: VolumesContext, { path }: Disk, verdict: Verdict): DriverError {
  if (verdict.is === 'owned') {
    const why = pools.unreadWhy(verdict.mark.note.mark) ?? 'it is about to be looked at again';
    return new DriverError('inaccessible', `Cannot release ${path}: nobody can tell what it bears: ${why}`);
  }
  return new DriverError(
    'unsupported',
    `Cannot release ${path}: found ${foundInWords(verdict)}, want a disk of ours`,
  );
}

function expectReleasable({ disk, note }: Device): void {
  if (note.array === 'none' && note.carving !== 'lvm') return;
  const what = note.array === 'none' ? `carved by ${note.carving}` : `an array, ${note.array}`;
  throw new DriverError(
    'unsupported',
    `Cannot release ${disk.path}: it is ${what}, which cannot be given back yet`,
  );
}

function expectEmpty(context: VolumesContext, { disk, carved }: Device): void {
  if (carved.slices.length === 0) return;
  const found = carved.slices.map((slice) => sliceInWords(context, slice)).join(', ');
  throw new DriverError(
    'in-use',
    `Cannot release ${disk.path}: found ${found}, want none. Cordon it, delete its volumes, and wait until they are sanitized`,
  );
}

function sliceInWords({ records }: VolumesContext, slice: Slice): string {
  if (slice.state === 'quarantine') return `a deleted volume that is being sanitized (${slice.place})`;
  const name = records.get(slice.id)?.name;
  return `volume ${slice.id}${name === undefined ? '' : ` (${name})`}`;
}
