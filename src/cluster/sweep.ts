import type { V1CSINode, V1ObjectMeta } from '@kubernetes/client-node';
import type { NotifyCluster } from '../model/cluster-notice.ts';
import { type Api, FROM_CACHE, METADATA_ONLY, metadataIn, succeeded } from './api.ts';
import { DRIVER_LABEL, MANAGED_BY_LABEL } from './managed-by.ts';
import { type Absences, due, withoutNode } from './stale-capacity.ts';

type SweepOptions = {
  readonly api: Api;
  readonly driver: string;
  readonly namespace: string;
  readonly notify: NotifyCluster;
};

/**
 * Deletes CSIStorageCapacity objects of nodes that are gone: they belong to the DaemonSet, so that a roll-out does not
 * take them away, and nobody else does when a node goes.
 */
export class Sweep {
  private readonly options: SweepOptions;
  private absences: Absences = new Map();

  constructor(options: SweepOptions) {
    this.options = options;
  }

  /** A node without a CSINode is suspected; that it is absent is asked of the nodes themselves, and not of a cache. */
  async look(csiNodes: readonly V1CSINode[], nowMs: number): Promise<void> {
    const suspects = withoutNode(
      await this.objects(),
      csiNodes.map(({ metadata }) => metadata?.name ?? ''),
    );
    const absent = suspects.length === 0 ? [] : withoutNode(suspects, await this.nodes());
    const found = due(this.absences, absent, nowMs);
    this.absences = found.absences;
    for (const object of found.due) await this.delete(object);
  }

  private async objects(): Promise<readonly V1ObjectMeta[]> {
    const { api, driver, namespace } = this.options;
    const labelSelector = `${DRIVER_LABEL}=${driver}`;
    const wanted = { ...FROM_CACHE, namespace, labelSelector };
    return metadataIn(await api.storage.listNamespacedCSIStorageCapacity(wanted, METADATA_ONLY));
  }

  private async nodes(): Promise<readonly string[]> {
    const nodes = metadataIn(await this.options.api.core.listNode({}, METADATA_ONLY));
    return nodes.map(({ name = '' }) => name);
  }

  /** Only as it was seen: a node that came back under the name has written to it. */
  private async delete({ name = '', uid, resourceVersion, labels }: V1ObjectMeta): Promise<void> {
    const { api, namespace, notify } = this.options;
    const body = { preconditions: { uid: uid ?? '', resourceVersion: resourceVersion ?? '' } };
    const deleted = await succeeded(
      api.storage.deleteNamespacedCSIStorageCapacity({ name, namespace, body }),
    );
    const managedBy = labels?.[MANAGED_BY_LABEL] ?? '';
    if (deleted) notify({ notice: 'capacity-swept', object: name, managedBy });
  }
}
