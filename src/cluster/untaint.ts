import { PatchStrategy, setHeaderOptions, type V1CSINode, type V1Node } from '@kubernetes/client-node';
import type { NotifyCluster } from '../model/cluster-notice.ts';
import { type Api, answerOf, FROM_CACHE, inWords, METADATA_ONLY, metadataIn, succeeded } from './api.ts';
import { DRIVER_LABEL, MANAGED_BY_LABEL, managedByOf } from './managed-by.ts';
import {
  isDelayed,
  patchOf,
  type Registration,
  reasonToLift,
  registrations,
  steady,
  versionOf,
} from './startup-taint.ts';

type UntaintOptions = {
  readonly api: Api;
  readonly driver: string;
  /** Where external-provisioner keeps the capacity objects. */
  readonly namespace: string;
  readonly notify: NotifyCluster;
};

/** Lifts the startup taint of nodes on which the driver has registered. */
export class Untaint {
  private readonly options: UntaintOptions;
  private known: Map<string, Registration> = new Map();

  constructor(options: UntaintOptions) {
    this.options = options;
  }

  /**
   * Asks the API server for nothing but nodes that registered anew, and those that still wait. One that fails does not
   * keep the others waiting.
   */
  async look(csiNodes: readonly V1CSINode[], nowMs: number): Promise<void> {
    this.known = new Map(registrations(this.known, csiNodes, this.options.driver, nowMs));
    for (const registration of steady(this.known.values(), nowMs)) {
      if (await this.trySettle(registration, nowMs))
        this.known.set(registration.node, { ...registration, settled: true });
    }
  }

  private async trySettle(registration: Registration, nowMs: number): Promise<boolean> {
    try {
      return await this.settle(registration, nowMs - registration.sinceMs);
    } catch (error) {
      const told = `node ${registration.node}: ${inWords(error)}`;
      this.options.notify({ notice: 'request-failed', what: 'startup taint', error: told });
      return false;
    }
  }

  /** @returns whether nothing is left to do for this registration */
  private async settle(registration: Registration, registeredForMs: number): Promise<boolean> {
    const node = await answerOf(this.options.api.core.readNode({ name: registration.node }));
    if (node.is !== 'present') return true;
    const patch = patchOf(node.value);
    if (patch === undefined) return true;
    const because = await this.reason(registration.node, registeredForMs);
    if (because === undefined || !(await this.isAsSeen(registration))) return false;
    const lifted = await this.patch(node.value, patch);
    if (lifted) this.options.notify({ notice: 'taint-lifted', node: registration.node, because });
    return lifted;
  }

  private async reason(node: string, registeredForMs: number): Promise<string | undefined> {
    const { api, driver, namespace } = this.options;
    const labelSelector = `${DRIVER_LABEL}=${driver},${MANAGED_BY_LABEL}=${managedByOf(node)}`;
    const [capacity, classes] = await Promise.all([
      api.storage.listNamespacedCSIStorageCapacity({ namespace, labelSelector, limit: 1 }, METADATA_ONLY),
      api.storage.listStorageClass(FROM_CACHE),
    ]);
    return reasonToLift({
      hasCapacity: metadataIn(capacity).length > 0,
      hasDelayedClass: classes.items.some((one) => isDelayed(one, driver)),
      registeredForMs,
    });
  }

  /** The list of CSINodes came out of a cache; what is done is done on the truth. */
  private async isAsSeen({ node: name, version }: Registration): Promise<boolean> {
    const live = await answerOf(this.options.api.storage.readCSINode({ name }));
    return live.is === 'present' && versionOf(live.value) === version;
  }

  private patch({ metadata }: V1Node, body: object): Promise<boolean> {
    const options = setHeaderOptions('Content-Type', PatchStrategy.JsonPatch);
    return succeeded(this.options.api.core.patchNode({ name: metadata?.name ?? '', body }, options));
  }
}
