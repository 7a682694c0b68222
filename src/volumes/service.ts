import { incompatibility } from '../model/compatible.ts';
import { DriverError, messageOf } from '../model/errors.ts';
import type { OrphanPolicy } from '../model/orphan.ts';
import { describeStep, type Step } from '../model/step.ts';
import { parseUuid, type Uuid } from '../model/uuid.ts';
import type { Capability, Capacity, VolumeContext, VolumeInfo, VolumeParameters } from '../model/volume.ts';
import { type Administration, createAdministration } from './administration.ts';
import type { Readiness, Volumes } from './api.ts';
import { type Census, takeCensus } from './census.ts';
import type { VolumesContext } from './context.ts';
import { createVolume, handleOf, infoOf, minimumOf, poolFor, undoCreate } from './create.ts';
import { deleteVolume } from './delete.ts';
import { expandVolume } from './expand.ts';
import { findVolume, onlySlice } from './find.ts';
import { lossOf, storageHealth, volumeHealth } from './health.ts';
import { createVolumeLocks } from './lock.ts';
import { LostFilesystems } from './lost-filesystems.ts';
import { type FindPersistentVolume, Orphans } from './orphans.ts';
import { publishVolume, unpublishVolume } from './publish.ts';
import { isNamed, planVolumes, reconcileVolumes, type SeenSlice, type VolumeFinding } from './reconcile.ts';
import { Sanitizer } from './sanitize.ts';
import { expectAccess, stageVolume, unstageVolume } from './stage.ts';
import { volumeStats } from './stats.ts';

/** The heart, put together: one lock for each volume, one sanitizer, and a reconcile after every look at the disks. */
export class VolumeService implements Volumes {
  readonly administration: Administration;
  private readonly context: VolumesContext;
  private readonly locks = createVolumeLocks();
  private readonly sanitizer: Sanitizer;
  private readonly lostFilesystems: LostFilesystems;
  private readonly orphans: Orphans;
  private readonly toldLost = new Set<string>();
  private lookedAtMs: number | undefined;
  private readiness: Readiness = { is: 'starting', why: 'looking at the disks' };

  constructor(context: VolumesContext) {
    this.context = context;
    this.sanitizer = new Sanitizer(context);
    this.lostFilesystems = new LostFilesystems(context);
    this.orphans = new Orphans(context);
    this.administration = createAdministration(context, () => this.refresh());
  }

  ready(): Readiness {
    return this.readiness;
  }

  /** Looks at the disks, takes and repairs them, then makes records and slices agree. Called at start and on changes. */
  async refresh(): Promise<void> {
    try {
      await this.context.pools.refresh();
      await this.reconcile();
      this.readiness = { is: 'ready' };
      this.lookedAtMs = Date.now();
    } catch (error) {
      if (this.readiness.is !== 'ready') this.readiness = { is: 'failed', why: messageOf(error) };
      this.context.notify({ notice: 'step-failed', step: 'look at the disks', error: messageOf(error) });
    }
  }

  async stop(): Promise<void> {
    await this.sanitizer.stop();
  }

  create(request: Parameters<Volumes['create']>[0]): Promise<VolumeInfo> {
    const handle = handleOf(this.context, request.name);
    this.orphans.forget(handle);
    return this.locks.run(handle, 'create', () => createVolume(this.context, handle, request));
  }

  async delete(handleText: string): Promise<void> {
    const handle = parseUuid(handleText);
    if (handle === undefined) return;
    await this.deleteIf(handle, () => true);
  }

  /** Asks the cluster for PersistentVolumes of volumes whose time has come. */
  async lookForOrphans(
    find: FindPersistentVolume,
    policy: OrphanPolicy,
    nowMs = performance.now(),
  ): Promise<void> {
    for (const handle of await this.orphans.look(find, policy, nowMs)) {
      const isStillUnused = () => onlySlice(this.context, handle)?.slice.state === 'carved';
      await this.deleteIf(handle, isStillUnused).catch((error: unknown) =>
        this.context.notify({
          notice: 'step-failed',
          step: `delete the orphan ${handle}`,
          error: messageOf(error),
        }),
      );
    }
  }

  /** @param may asked behind the volume's lock */
  private async deleteIf(handle: Uuid, may: () => boolean): Promise<void> {
    const quarantine = await this.locks.run(handle, 'delete', async () => {
      if (!may()) return undefined;
      const deleted = await deleteVolume(this.context, handle);
      this.lostFilesystems.note(handle, []);
      return deleted;
    });
    if (quarantine !== undefined) this.sanitizer.start(quarantine);
  }

  async validate(
    handle: string,
    capabilities: readonly Capability[],
    parameters: VolumeParameters,
    context: VolumeContext,
  ): Promise<string | undefined> {
    const placed = findVolume(this.context, handle, context);
    const record = this.context.records.get(placed.slice.id);
    try {
      for (const { access } of capabilities) expectAccess(placed, access);
    } catch (error) {
      return messageOf(error);
    }
    if (record === undefined) return undefined;
    const size = { requiredBytes: undefined, limitBytes: undefined };
    return incompatibility(record, {
      name: record.name,
      size,
      capabilities,
      parameters: { ...parameters, mkfsOptions: record.mkfsOptions },
      claim: record.claim,
    });
  }

  async list(): Promise<readonly VolumeInfo[]> {
    const slices = this.context.pools.placed().filter(({ slice }) => slice.state !== 'quarantine');
    // By handle: of two slices that bear one, both are refused and one is shown.
    const here = new Map(slices.map((placed) => [placed.slice.id, infoOf(placed)]));
    const away = this.context.records
      .all()
      .filter(({ handle, state }) => state === 'committed' && !here.has(handle))
      .map(({ handle, sizeBytes, pool, mark }) => ({
        handle,
        sizeBytes,
        context: { pool, mark, machine: this.context.self.machine },
      }));
    return [...here.values(), ...away].sort((a, b) => (a.handle < b.handle ? -1 : 1));
  }

  async capacity(parameters: VolumeParameters, capabilities: readonly Capability[]): Promise<Capacity> {
    const nothing = { availableBytes: 0n, maximumVolumeBytes: 0n };
    try {
      const capacity = this.context.pools.capacity(poolFor(this.context, parameters).name);
      return capacity.maximumVolumeBytes < minimumOf(capabilities) ? nothing : capacity;
    } catch (error) {
      // A class that no CreateVolume here could serve: an error would leave the last capacity standing for ever.
      if (error instanceof DriverError) return nothing;
      throw error;
    }
  }

  stage(request: Parameters<Volumes['stage']>[0]): Promise<void> {
    const stage = () => stageVolume(this.context, request);
    return this.lostFilesystems.watch(request.handle, () => this.locks.run(request.handle, 'stage', stage));
  }

  unstage(handle: string, stagingPath: string): Promise<void> {
    return this.locks.run(handle, 'unstage', () => unstageVolume(this.context, handle, stagingPath));
  }

  publish(request: Parameters<Volumes['publish']>[0]): Promise<void> {
    return this.locks.run(request.handle, 'publish', () => publishVolume(this.context, request));
  }

  unpublish(handle: string, targetPath: string): Promise<void> {
    return this.locks.run(handle, 'unpublish', () => unpublishVolume(this.context, targetPath));
  }

  expand(request: Parameters<Volumes['expand']>[0]): Promise<bigint> {
    return this.locks.run(request.handle, 'expand', () => expandVolume(this.context, request));
  }

  stats(handle: string, volumePath: string): ReturnType<Volumes['stats']> {
    return volumeStats(this.context, handle, volumePath);
  }

  async health(handle: string): ReturnType<Volumes['health']> {
    const found = await volumeHealth(this.context, handle);
    this.lostFilesystems.note(handle, found);
    return found;
  }

  async storageHealth(): ReturnType<Volumes['storageHealth']> {
    return storageHealth(this.context);
  }

  maxVolumes(): number {
    return this.context.pools.maxVolumes();
  }

  /** Counted anew for every one who asks; it touches no disk. */
  census(): Census {
    const { context, lostFilesystems } = this;
    const counted = takeCensus({
      context,
      lostFilesystems,
      findings: this.plan().findings,
      progress: this.sanitizer.progress(),
    });
    const orphans = this.orphans.placed().map(({ device }) => ({ pool: device.note.pool }));
    return { isReady: this.readiness.is === 'ready', lookedAtMs: this.lookedAtMs, ...counted, orphans };
  }

  private async reconcile(): Promise<void> {
    const { findings, steps } = this.plan();
    for (const { handle, decided } of findings) {
      if (decided.decision === 'lost' || decided.decision === 'wait' || decided.decision === 'refuse')
        this.tellLoss(handle, decided.label);
      else this.toldLost.delete(handle);
    }
    for (const step of steps) await this.runStep(step);
  }

  private plan(): { readonly findings: readonly VolumeFinding[]; readonly steps: readonly Step[] } {
    const seen = this.context.pools
      .placed()
      .map(({ device, slice }): SeenSlice => ({ mark: device.mark, disk: device.disk.path, slice }));
    const marks = new Set(this.context.pools.devices().map(({ mark }) => mark));
    const findings = reconcileVolumes(this.context.records.all(), seen, marks);
    return { findings, steps: planVolumes(findings, seen, this.context.records.all()) };
  }

  /** Once for each loss, until it is over. */
  private tellLoss(handle: Uuid, label: string): void {
    const loss = lossOf(this.context, handle);
    if (loss === undefined || this.toldLost.has(handle)) return;
    this.toldLost.add(handle);
    const { message, reason } = loss;
    const claim = this.context.records.get(handle)?.claim;
    if (loss.status === 'DATA_LOSS')
      this.context.notify({ notice: 'data-loss', handle, claim, reason, message });
    else this.context.notify({ notice: 'contradiction', about: `volume ${handle}`, label, what: message });
  }

  private async runStep(step: Step): Promise<void> {
    if (step.kind === 'sanitize') return this.startSanitizing(step.disk, step.place);
    if (!('handle' in step)) return;
    const startedAtMs = performance.now();
    try {
      const done = await this.locks.run(step.handle, 'repair', () => this.repair(step));
      const durationMs = performance.now() - startedAtMs;
      if (done) this.context.notify({ notice: 'step', step: describeStep(step), durationMs });
    } catch (error) {
      // A call works on the volume just now, and knows better.
      if (error instanceof DriverError && error.kind === 'busy') return;
      this.context.notify({ notice: 'step-failed', step: describeStep(step), error: messageOf(error) });
    }
  }

  private startSanitizing(disk: string, place: string): void {
    const placed = this.context.pools
      .placed()
      .find(
        ({ device, slice }) =>
          device.disk.path === disk && slice.place === place && slice.state === 'quarantine',
      );
    if (placed === undefined) return;
    if (!isNamed(this.context.records.all(), placed.device.mark, placed.slice)) this.sanitizer.start(placed);
  }

  /** Behind the volume's lock the plan is made once more: a call may have ended since, and then there is nothing to do. */
  private async repair(step: Extract<Step, { readonly handle: Uuid }>): Promise<boolean> {
    const due = this.plan().steps.some(
      (one) => 'handle' in one && one.handle === step.handle && one.kind === step.kind,
    );
    if (due) await this.execute(step);
    return due;
  }

  private async execute({ kind, handle }: Extract<Step, { readonly handle: Uuid }>): Promise<void> {
    const { records } = this.context;
    const placed = onlySlice(this.context, handle);
    switch (kind) {
      case 'forgetRecord':
        return records.remove(handle);
      case 'commitRecord': {
        const record = records.get(handle);
        return record === undefined ? undefined : records.write({ ...record, state: 'committed' });
      }
      case 'undoSlice':
        return placed === undefined ? undefined : undoCreate(this.context, placed);
      case 'quarantineSlice': {
        const quarantine = await deleteVolume(this.context, handle);
        if (quarantine !== undefined) this.sanitizer.start(quarantine);
      }
    }
  }
}
