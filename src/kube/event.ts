import { formatBytes } from '../model/bytes.ts';
import { assertNever } from '../model/errors.ts';
import type { Notice } from '../model/notice.ts';
import type { Claim } from '../model/volume.ts';

/** What `kubectl describe` shows of an object: made of notices, in words for the object's owner. */
export type ClusterEvent = {
  readonly about: Subject;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
};

/** `uid` as far as it is known without asking; describe shows the events of one life of an object alone. */
export type Subject =
  | {
      readonly kind: 'PersistentVolumeClaim';
      readonly namespace: string;
      readonly name: string;
      readonly uid: string | undefined;
    }
  | { readonly kind: 'PersistentVolume'; readonly name: string; readonly uid: undefined }
  | { readonly kind: 'Node'; readonly name: string; readonly uid: string };

/**
 * Pure: the events that a notice makes on this node. A volume whose claim nobody told is spoken of on the node. Progress
 * is none, and neither is a disk that no pool wants.
 */
export function eventsOf(notice: Notice, node: string): readonly ClusterEvent[] {
  const onNode = nodeOf(node);
  switch (notice.notice) {
    case 'provisioned':
      return [normal(claimOf(notice.claim, node), 'Provisioned', provisioned(notice, node))];
    case 'prepared':
      return [normal(claimOf(notice.claim, node), 'Prepared', prepared(notice))];
    case 'expanded': {
      const message = `Volume ${notice.handle} has ${formatBytes(notice.sizeBytes)} now`;
      return [normal(claimOf(notice.claim, node), 'Expanded', message)];
    }
    case 'data-loss':
      return [claimOf(notice.claim, node), ...volumeOf(notice.claim)].map((about) =>
        warning(about, 'DataLoss', `${notice.message} (${notice.reason})`),
      );
    case 'quarantined':
      return [normal(volumeOf(notice.claim)[0] ?? onNode, 'Quarantined', quarantined(notice))];
    case 'sanitized':
      return [normal(onNode, 'Sanitized', sanitized(notice))];
    case 'sanitize-failed':
      return [warning(onNode, 'SanitizeFailed', sanitizeFailed(notice))];
    case 'disk-taken':
      return [normal(onNode, 'DiskTaken', `${diskOf(notice)} is taken for pool ${notice.pool}`)];
    case 'disk-refused':
      return notice.pools.length === 0 ? [] : [warning(onNode, 'DiskRefused', refused(notice))];
    case 'disk-cordoned':
      return [normal(onNode, 'DiskCordoned', `${diskOf(notice)} is cordoned: nothing new is put on it`)];
    case 'disk-uncordoned':
      return [normal(onNode, 'DiskUncordoned', `${diskOf(notice)} is no longer cordoned`)];
    case 'disk-released':
      return [normal(onNode, 'DiskReleased', `${diskOf(notice)} is given back by pool ${notice.pool}`)];
    case 'cordons-unread':
      return [warning(onNode, 'CordonsUnread', `Nothing new is put on any disk: ${notice.why}`)];
    case 'disk-gone':
      return [warning(onNode, 'DiskGone', gone(notice))];
    case 'array-whole':
      return [normal(onNode, 'ArrayWhole', arrayOf(notice))];
    case 'array-degraded':
      return [warning(onNode, 'ArrayDegraded', arrayOf(notice))];
    case 'array-lost':
      return [warning(onNode, 'ArrayLost', arrayOf(notice))];
    case 'array-waiting':
      return [warning(onNode, 'ArrayWaiting', arrayOf(notice))];
    case 'orphan':
      return [warning(onNode, 'Orphan', orphan(notice))];
    case 'erasing':
    case 'disk-served':
    case 'pool-differs':
    case 'step':
    case 'step-failed':
    case 'contradiction':
    case 'sanitizing':
    case 'hostname':
    case 'cluster-silent':
    case 'record-set-aside':
      return [];
    default:
      return assertNever(notice, 'notice');
  }
}

type Of<N extends Notice['notice']> = Extract<Notice, { readonly notice: N }>;

function normal(about: Subject, reason: string, message: string): ClusterEvent {
  return { about, type: 'Normal', reason, message };
}

function warning(about: Subject, reason: string, message: string): ClusterEvent {
  return { about, type: 'Warning', reason, message };
}

function provisioned({ handle, sizeBytes, ...disk }: Of<'provisioned'>, node: string): string {
  return `Volume ${handle}: ${formatBytes(sizeBytes)} on ${diskOf(disk)} of node ${node}`;
}

function prepared({ handle, what, durationMs }: Of<'prepared'>): string {
  const done = what === 'zeros' ? 'zeroed' : `${what} made`;
  return `Volume ${handle} is ready to be used: ${done} in ${seconds(durationMs)}`;
}

function quarantined({ handle, sizeBytes, ...disk }: Of<'quarantined'>): string {
  return `Volume ${handle} is deleted: its ${formatBytes(sizeBytes)} on ${diskOf(disk)} are capacity again when they are sanitized`;
}

function sanitized({ sizeBytes, durationMs, ...disk }: Of<'sanitized'>): string {
  return `${formatBytes(sizeBytes)} of a deleted volume on ${diskOf(disk)} were sanitized in ${seconds(durationMs)} and are capacity again`;
}

function sanitizeFailed({ error, ...disk }: Of<'sanitize-failed'>): string {
  return `The space of a deleted volume on ${diskOf(disk)} cannot be sanitized, is no capacity, and is tried again: ${error}`;
}

function refused({ pools, reason, detail, ...disk }: Of<'disk-refused'>): string {
  return `${diskOf(disk)} matches pool ${pools.join(' and ')} and is left alone: ${reason}: ${detail}`;
}

function gone({ pool, ...disk }: Of<'disk-gone'>): string {
  return `${diskOf(disk)} of pool ${pool} is gone; its volumes are served again when it is back`;
}

function arrayOf({
  identity,
  pool,
  what,
}: {
  readonly identity: string;
  readonly pool: string;
  readonly what: string;
}): string {
  return `Array ${identity} of pool ${pool}: ${what}`;
}

function orphan({ handle, name, sizeBytes, wasStaged, isDeletable, ...disk }: Of<'orphan'>): string {
  const what = `Volume ${handle}${name === undefined ? '' : ` (${name})`}, ${formatBytes(sizeBytes)} on ${diskOf(disk)}`;
  const fate = isDeletable
    ? 'nobody ever used it, and it is being deleted'
    : `it is kept${wasStaged ? ', with its data' : '; nobody ever used it'}`;
  return `${what}, has no PersistentVolume: ${fate}`;
}

function diskOf({
  disk,
  identity,
}: {
  readonly disk: string;
  readonly identity: string | undefined;
}): string {
  return identity === undefined ? disk : `${disk} (${identity})`;
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

/** The provisioner ends the name of a PersistentVolume with the UID of its claim. */
const UID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function claimOf(claim: Claim | undefined, node: string): Subject {
  if (claim === undefined) return nodeOf(node);
  const { namespace, name, volume } = claim;
  return { kind: 'PersistentVolumeClaim', namespace, name, uid: UID.exec(volume)?.[0] };
}

function volumeOf(claim: Claim | undefined): readonly Subject[] {
  return claim === undefined ? [] : [{ kind: 'PersistentVolume', name: claim.volume, uid: undefined }];
}

/** As the kubelet writes it: its name for its UID. Describe shows such events of a Node too. */
function nodeOf(node: string): Subject {
  return { kind: 'Node', name: node, uid: node };
}
