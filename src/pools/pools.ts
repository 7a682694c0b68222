import { maxOf } from '../model/bytes.ts';
import { cordonInWords } from '../model/cordon.ts';
import type { Disk } from '../model/disk.ts';
import { messageOf } from '../model/errors.ts';
import type { DeviceMark, OwnerMark } from '../model/mark.ts';
import type { DiskNote } from '../model/note.ts';
import type { Pool } from '../model/pool.ts';
import { describeStep, type Step } from '../model/step.ts';
import type { Uuid } from '../model/uuid.ts';
import type { Capacity } from '../model/volume.ts';
import { type ArrayView, isServable, memberDisks } from './arrays.ts';
import type { DriverContext } from './context.ts';
import type { CordonFile } from './cordons.ts';
import { Device, nameOf, type Placed } from './device.ts';
import { isSame, type Look, type Looked, look } from './look.ts';
import { compareMappings, refreshMapping } from './mapping.ts';
import { differenceOf, planDisk, planMappings } from './plan.ts';
import { type ArrayPlan, planArrays } from './plan-arrays.ts';
import { releaseDisk } from './release.ts';
import { runArrayStep, touchedBy } from './run-arrays.ts';
import { runDiskStep } from './run-disk.ts';
import { Settling } from './settling.ts';
import { readCarved } from './slices.ts';
import { ArrayNews, tellContradictions, tellRefused } from './tell.ts';

/** An array that is made and marked in one refresh takes five. */
const ROUNDS_MAX = 8;

/** The disks of this node as the volumes room sees them: which are ours, what stands on them, what is free. */
export class Pools {
  private readonly context: DriverContext;
  private disks: readonly Looked[] = [];
  private readonly byMark = new Map<Uuid, Device>();
  /** Marks of disks that are here and could not be served when they were looked at last, and why. */
  private readonly unread = new Map<Uuid, string>();
  private arrayViews: readonly ArrayView[] = [];
  private readonly settling: Settling;
  private readonly news = new ArrayNews();
  /** Paths of disks of which the next look keeps nothing. */
  private readonly stale = new Set<string>();
  private readonly erasing = new Set<string>();
  private refreshing: Promise<void> = Promise.resolve();

  constructor(context: DriverContext) {
    this.context = context;
    this.settling = new Settling(context.configuration.pools);
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
  seen(): { readonly disks: readonly Looked[]; readonly arrays: readonly ArrayView[] } {
    const disks = this.disks.filter(
      ({ verdict }) => verdict.is !== 'owned' || this.device(verdict.mark.note.mark) !== undefined,
    );
    return { disks, arrays: this.arrayViews };
  }

  /** The arrays of which the last look has found members. */
  arrays(): readonly ArrayView[] {
    return this.arrayViews;
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

  /** Each round brings an array one step further; some of the steps show only in the next look. */
  private async refreshNow(): Promise<void> {
    for (let round = 0; round < ROUNDS_MAX && (await this.refreshOnce()); round += 1);
    this.news.tell(this.context, this.arrayViews);
  }

  /** @returns whether arrays have changed, and another look is due */
  private async refreshOnce(): Promise<boolean> {
    const doubted = [...this.byMark.values()].filter(({ isDoubted }) => isDoubted);
    const stale = new Set(this.stale);
    const known = this.disks.filter(
      ({ disk }) => !stale.has(disk.path) && !doubted.some((device) => isSame(device.disk, disk)),
    );
    const seen = await look(this.context, known);
    for (const path of stale) this.stale.delete(path);
    for (const { mark } of doubted) this.byMark.delete(mark);
    this.settling.see(seen.disks);
    const plan = planArrays(seen, this.pools(), (pool) => this.settling.isSettled(pool));
    this.arrayViews = plan.arrays;
    this.forgetGone(seen);
    tellRefused(this.context, seen, this.disks);
    this.disks = seen.disks;
    for (const mark of this.unread.keys()) if (!bears(seen, mark)) this.unread.delete(mark);
    for (const looked of seen.disks) {
      if (looked.verdict.is === 'erasable') this.eraseBeside(looked, seen);
      else await this.settle(looked, seen);
    }
    return this.runArraySteps(plan, seen.disks);
  }

  /** @returns whether one of them has come to its end */
  private async runArraySteps({ steps, arrays }: ArrayPlan, disks: readonly Looked[]): Promise<boolean> {
    const ground = { disks, arrays };
    let isChanged = false;
    for (const step of steps) {
      try {
        const taken = await this.timed(step, () => runArrayStep(this.context, step, ground));
        for (const mark of taken) this.tellTaken(mark);
        isChanged = true;
      } catch (error) {
        this.context.notify({ notice: 'step-failed', step: describeStep(step), error: messageOf(error) });
      }
      this.lookAnewAt(touchedBy(step, ground));
    }
    return isChanged;
  }

  /** Whatever was found there now, the next look finds for itself. */
  private lookAnewAt(paths: readonly string[]): void {
    for (const path of paths) this.stale.add(path);
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
        (looked) =>
          looked.verdict.is !== 'refused' &&
          isSame(looked.disk, device.disk) &&
          isServable(looked, this.arrayViews),
      );
      if (here) continue;
      this.byMark.delete(mark);
      this.context.notify({ notice: 'disk-gone', ...nameOf(device), pool: device.note.pool, mark });
    }
  }

  /** Runs a disk's steps and serves it. A disk that fails is told and left for the next look. */
  private async settle(looked: Looked, seen: Look): Promise<void> {
    const { disk, verdict } = looked;
    if (this.deviceOn(disk) !== undefined || !isServable(looked, this.arrayViews)) return;
    const steps = planDisk(looked, seen.uses);
    try {
      let mark = verdict.is === 'owned' ? verdict.mark : undefined;
      for (const step of steps) mark = (await this.run(step, looked, mark)) ?? mark;
      if (mark !== undefined) await this.serve(looked, mark, seen);
      else if (steps.length > 0) this.lookAnewAt([disk.path]);
    } catch (error) {
      if (verdict.is === 'owned') this.unread.set(verdict.mark.note.mark, messageOf(error));
      this.lookAnewAt([disk.path]);
      this.context.notify({ notice: 'step-failed', step: `settle ${disk.path}`, error: messageOf(error) });
    }
  }

  private async run(
    step: Step,
    looked: Looked,
    mark: DeviceMark | undefined,
  ): Promise<DeviceMark | undefined> {
    const now = await this.timed(step, () => runDiskStep(this.context, step, looked, mark));
    if (now !== undefined && mark === undefined) this.tellTaken(now);
    return now;
  }

  private async timed<T>(step: Step, act: () => Promise<T>): Promise<T> {
    const startedAtMs = performance.now();
    const done = await act();
    const durationMs = performance.now() - startedAtMs;
    this.context.notify({ notice: 'step', step: describeStep(step), durationMs });
    return done;
  }

  private tellTaken({ note }: OwnerMark): void {
    const { disk: identity, pool, mark } = note;
    const path = this.disks.find(({ disk }) => disk.identity === identity)?.disk.path ?? identity;
    this.context.notify({ notice: 'disk-taken', disk: path, identity, pool, mark });
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
    const members = memberDisks(disk, this.arrayViews);
    const differs = differenceOf(mark.note, disk, members, this.pools());
    const carved = await readCarved(this.context.exec, disk, mark);
    const device = new Device({ disk, members, ...mark, carved, differs });
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
    tellContradictions(this.context, disk, mark, seen);
  }
}

function bears({ disks }: Look, mark: Uuid): boolean {
  return disks.some(({ verdict }) => verdict.is === 'owned' && verdict.mark.note.mark === mark);
}
