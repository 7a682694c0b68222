import { maxOf } from '../model/bytes.ts';
import { cordonInWords } from '../model/cordon.ts';
import type { Disk } from '../model/disk.ts';
import { messageOf } from '../model/errors.ts';
import { poolsFor } from '../model/judge.ts';
import type { DeviceMark } from '../model/mark.ts';
import type { DiskNote } from '../model/note.ts';
import type { Pool } from '../model/pool.ts';
import { describeStep, type Step } from '../model/step.ts';
import type { Uuid } from '../model/uuid.ts';
import type { Capacity } from '../model/volume.ts';
import type { PoolsContext } from './context.ts';
import type { CordonFile } from './cordons.ts';
import { Device, nameOf, type Placed } from './device.ts';
import { makeGroup } from './group.ts';
import { addPartition, compareKernel, dropPartition, resizePartition } from './kernel.ts';
import { isSame, type Look, type Looked, look } from './look.ts';
import { compareMappings, refreshMapping } from './mapping.ts';
import { differenceOf, planDisk, planMappings } from './plan.ts';
import { releaseDisk } from './release.ts';
import { readCarved } from './slices.ts';
import { writeTable } from './table.ts';
import { eraseAndTakeDisk, takeDisk } from './take.ts';

type DriverContext = PoolsContext & { readonly cordons: CordonFile };

/** The disks of this node as the volumes room sees them: which are ours, what stands on them, what is free. */
export class Pools {
  private readonly context: DriverContext;
  private disks: readonly Looked[] = [];
  private readonly byMark = new Map<Uuid, Device>();
  /** Marks of disks that are here and could not be served when they were looked at last, and why. */
  private readonly unread = new Map<Uuid, string>();
  private readonly erasing = new Set<string>();
  private refreshing: Promise<void> = Promise.resolve();

  constructor(context: DriverContext) {
    this.context = context;
  }

  /** Looks at all disks, repairs and takes what may be; one at a time, and never throws for a single disk. */
  refresh(): Promise<void> {
    return this.alone(() => this.refreshNow());
  }

  /** While nobody looks at disks, takes or repairs them. */
  alone<T>(act: () => Promise<T>): Promise<T> {
    const next = this.refreshing.then(act);
    this.refreshing = next.then(
      () => undefined,
      () => undefined,
    );
    return next;
  }

  get cordons(): CordonFile {
    return this.context.cordons;
  }

  /** To be called when the cordon of a disk has changed: it is judged anew at the next look. */
  onCordon(disk: Disk): void {
    const device = this.deviceOn(disk);
    if (device === undefined) this.forgetLook(disk);
    else device.cordoned = cordonInWords(this.cordons.of(disk.identity));
  }

  deviceOn(disk: Disk): Device | undefined {
    return [...this.byMark.values()].find((device) => isSame(device.disk, disk));
  }

  /** Takes our mark off a disk whose cordon says so. The caller is alone(), and nothing is on the disk. */
  async release(disk: Disk, note: DiskNote): Promise<void> {
    this.byMark.delete(note.mark);
    this.forgetLook(disk);
    const step: Step = { kind: 'release', because: 'a person released it', disk: disk.path };
    await this.timed(step, () => releaseDisk(this.context, disk, note));
  }

  private forgetLook(disk: Disk): void {
    this.disks = this.disks.filter((looked) => !isSame(looked.disk, disk));
  }

  looked(): readonly Looked[] {
    return this.disks;
  }

  /** The last look without disks of ours that are not served just now: nothing is lost that stands on them. */
  settled(): readonly Looked[] {
    return this.disks.filter(
      ({ verdict }) => verdict.is !== 'owned' || this.device(verdict.mark.note.mark) !== undefined,
    );
  }

  /** Why a disk of ours that is here is not served just now. */
  unreadWhy(mark: Uuid): string | undefined {
    const isDoubted = this.byMark.get(mark)?.isDoubted === true;
    return this.unread.get(mark) ?? (isDoubted ? 'it is about to be read again' : undefined);
  }

  pools(): readonly Pool[] {
    return this.context.configuration.pools;
  }

  devices(pool?: string): readonly Device[] {
    return [...this.byMark.values()].filter(
      ({ note, isDoubted }) => !isDoubted && (pool === undefined || note.pool === pool),
    );
  }

  device(mark: Uuid): Device | undefined {
    return this.devices().find((device) => device.mark === mark);
  }

  /** Every slice on every disk of ours that is here. */
  placed(): readonly Placed[] {
    return this.devices().flatMap((device) => device.carved.slices.map((slice) => ({ device, slice })));
  }

  /** What can still be carved; a disk that gets nothing new, or has no table entry left, offers nothing. */
  capacity(pool: string): Capacity {
    const free = this.devices(pool)
      .filter(({ closedWhy }) => closedWhy === undefined)
      .map(({ carved }) => carved.free);
    return {
      availableBytes: free.reduce((sum, { totalBytes }) => sum + totalBytes, 0n),
      maximumVolumeBytes: free.reduce((largest, { largestBytes }) => maxOf(largest, largestBytes), 0n),
    };
  }

  maxVolumes(): number {
    return this.devices().reduce((sum, { carved }) => sum + carved.slicesMax, 0);
  }

  private async refreshNow(): Promise<void> {
    const doubted = [...this.byMark.values()].filter(({ isDoubted }) => isDoubted);
    const known = this.disks.filter(({ disk }) => !doubted.some((device) => isSame(device.disk, disk)));
    const seen = await look(this.context, known);
    for (const { mark } of doubted) this.byMark.delete(mark);
    this.forgetGone(seen);
    this.tellRefused(seen);
    this.disks = seen.disks;
    for (const mark of this.unread.keys()) if (!bears(seen, mark)) this.unread.delete(mark);
    for (const looked of seen.disks) {
      if (looked.verdict.is === 'erasable') this.eraseBeside(looked, seen);
      else await this.settle(looked, seen);
    }
  }

  /** Erasing takes as long as the disk is large; the others are served meanwhile. */
  private eraseBeside(looked: Looked, seen: Look): void {
    const { path } = looked.disk;
    if (this.erasing.has(path)) return;
    this.erasing.add(path);
    void this.settle(looked, seen).finally(() => this.erasing.delete(path));
  }

  private forgetGone(seen: Look): void {
    for (const [mark, device] of this.byMark) {
      const here = seen.disks.some(
        ({ disk, verdict }) => verdict.is !== 'refused' && isSame(disk, device.disk),
      );
      if (here) continue;
      this.byMark.delete(mark);
      this.context.notify({ notice: 'disk-gone', ...nameOf(device), pool: device.note.pool, mark });
    }
  }

  private tellRefused(seen: Look): void {
    for (const { disk, verdict } of seen.disks) {
      const before = this.disks.find((one) => isSame(one.disk, disk))?.verdict;
      if (verdict.is !== 'refused') continue;
      if (before?.is === 'refused' && before.first.reason === verdict.first.reason) continue;
      const pools = poolsFor(disk, this.context.configuration.pools).map(({ name }) => name);
      const { path, identity } = disk;
      this.context.notify({ notice: 'disk-refused', disk: path, identity, pools, ...verdict.first });
    }
  }

  /** Runs a disk's steps and serves it. A disk that fails is told and left for the next look. */
  private async settle(looked: Looked, seen: Look): Promise<void> {
    if (this.deviceOn(looked.disk) !== undefined) return;
    try {
      let mark = looked.verdict.is === 'owned' ? looked.verdict.mark : undefined;
      for (const step of planDisk(looked, seen.uses)) mark = (await this.run(step, looked, mark)) ?? mark;
      if (mark !== undefined) await this.serve(looked, mark, seen);
    } catch (error) {
      if (looked.verdict.is === 'owned') this.unread.set(looked.verdict.mark.note.mark, messageOf(error));
      // Looked at anew the next time, whatever was found now.
      this.forgetLook(looked.disk);
      this.context.notify({
        notice: 'step-failed',
        step: `settle ${looked.disk.path}`,
        error: messageOf(error),
      });
    }
  }

  private async run(
    step: Step,
    looked: Looked,
    mark: DeviceMark | undefined,
  ): Promise<DeviceMark | undefined> {
    const now = await this.timed(step, () => runDiskStep(this.context, step, looked, mark));
    if (now !== undefined && mark === undefined) {
      const { disk: identity, pool, mark: id } = now.note;
      this.context.notify({ notice: 'disk-taken', disk: looked.disk.path, identity, pool, mark: id });
    }
    return now;
  }

  private async timed<T>(step: Step, act: () => Promise<T>): Promise<T> {
    const startedAtMs = performance.now();
    const done = await act();
    const durationMs = performance.now() - startedAtMs;
    this.context.notify({ notice: 'step', step: describeStep(step), durationMs });
    return done;
  }

  /** Makes the kernel's mappings those of the metadata. */
  private async agree(device: Device): Promise<void> {
    const findings = await compareMappings(device);
    for (const step of planMappings(device, findings))
      await this.timed(step, () => refreshMapping(this.context.exec, device, step.volume));
    for (const { mapping, decided } of findings) {
      if (decided.decision !== 'refuse') continue;
      const about = `${mapping.path} on ${device.disk.path}`;
      const what = 'kernel and metadata differ: nothing new is put on the disk';
      this.context.notify({ notice: 'contradiction', about, label: decided.label, what });
    }
  }

  private async serve(looked: Looked, mark: DeviceMark, seen: Look): Promise<void> {
    const { disk } = looked;
    const differs = differenceOf(mark.note, disk, this.context.configuration.pools);
    const carved = await readCarved(this.context.exec, disk, mark);
    const device = new Device(disk, mark.note, mark.table, carved, differs);
    device.cordoned = cordonInWords(this.cordons.of(disk.identity));
    await this.agree(device);
    this.byMark.set(device.mark, device);
    this.unread.delete(device.mark);
    const served: Looked = { ...looked, verdict: { is: 'owned', mark: { ...mark, torn: 'none' } } };
    this.disks = this.disks.map((one) => (isSame(one.disk, disk) ? served : one));
    const { pool } = mark.note;
    this.context.notify({ notice: 'disk-served', disk: disk.path, pool, mark: device.mark });
    if (differs !== undefined)
      this.context.notify({ notice: 'pool-differs', disk: disk.path, pool, what: differs });
    for (const { number, decided } of compareKernel(disk, mark.table, seen.uses)) {
      if (decided.decision !== 'refuse') continue;
      const about = `partition ${number} of ${disk.path}`;
      this.context.notify({
        notice: 'contradiction',
        about,
        label: decided.label,
        what: 'kernel and table differ, and it is in use',
      });
    }
  }
}

function bears({ disks }: Look, mark: Uuid): boolean {
  return disks.some(({ verdict }) => verdict.is === 'owned' && verdict.mark.note.mark === mark);
}

/** @returns the mark as it is now, when the step changed it */
async function runDiskStep(
  context: DriverContext,
  step: Step,
  { disk, verdict }: Looked,
  mark: DeviceMark | undefined,
): Promise<DeviceMark | undefined> {
  const entry =
    'number' in step ? mark?.table.entries.find(({ number }) => number === step.number) : undefined;
  switch (step.kind) {
    case 'take':
      return takeDisk(context, disk, step.pool);
    case 'eraseAndTake':
      return eraseAndTakeDisk(context, disk, step.pool);
    case 'release':
      if (verdict.is === 'releasing') await releaseDisk(context, disk, verdict.note);
      return undefined;
    case 'rewriteTable':
      if (mark !== undefined) await writeTable(context.exec, disk, mark.table);
      return undefined;
    case 'addPartition':
      if (entry !== undefined) await addPartition(context.exec, disk, entry);
      return undefined;
    case 'resizePartition':
      if (entry !== undefined) await resizePartition(context.exec, disk, entry);
      return undefined;
    case 'dropPartition':
      return dropPartition(context.exec, disk, step.number).then(() => undefined);
    case 'makeGroup':
      return mark === undefined ? undefined : makeGroup(context.exec, disk, mark);
    default:
      throw new TypeError(`${step.kind} is no step of a disk`);
  }
}
