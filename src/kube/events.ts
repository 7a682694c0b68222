import { randomBytes } from 'node:crypto';
import { ABSENT, type Answer, present } from '../model/answer.ts';
import type { Notice, Notify } from '../model/notice.ts';
import { DRIVER_NAME } from '../model/pool.ts';
import type { Api } from './client.ts';
import { type ClusterEvent, eventsOf, type Subject } from './event.ts';

/** Bounds for a storm: what does not fit is dropped, and what is forgotten is told as new. */
const WAITING_MAX = 100;
const WRITTEN_MAX = 100;
/** A repeat adds to the count of the event that is there, and is written at most so often. */
const REPEAT_MS = 300_000;
const MESSAGE_LENGTH_MAX = 1_000;

type EventsOptions = {
  readonly api: Api;
  readonly node: string;
  readonly tell: Notify;
  readonly clock?: () => Date;
};

type Written = { readonly path: string; count: number; readonly atMs: number };

/**
 * Writes events for notices, one after the other, beside everything else: no call waits for one or fails by one. Those
 * that the API server does not take are dropped.
 *
 * They are Events of core/v1: `kubectl describe` finds them by the object's UID, and shows their count.
 */
export class Events {
  readonly #api: Api;
  readonly #node: string;
  readonly #tell: Notify;
  readonly #clock: () => Date;
  readonly #waiting = new Map<string, { readonly event: ClusterEvent; count: number }>();
  readonly #written = new Map<string, Written>();
  #isWriting = false;
  #isSilent = false;

  constructor({ api, node, tell, clock = () => new Date() }: EventsOptions) {
    this.#api = api;
    this.#node = node;
    this.#tell = tell;
    this.#clock = clock;
  }

  notify(notice: Notice): void {
    for (const event of eventsOf(notice, this.#node)) this.#add(event);
    if (!this.#isWriting) void this.#writeAll();
  }

  #add(event: ClusterEvent): void {
    const key = JSON.stringify(event);
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) waiting.count += 1;
    else if (this.#waiting.size < WAITING_MAX) this.#waiting.set(key, { event, count: 1 });
    else this.#drop(`${WAITING_MAX} are waiting already`);
  }

  /** Those that are added meanwhile are met on the way. */
  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    for (const [key, { event, count }] of this.#waiting) {
      this.#waiting.delete(key);
      await this.#write(key, event, count);
    }
    this.#isWriting = false;
  }

  async #write(key: string, event: ClusterEvent, count: number): Promise<void> {
    const before = this.#written.get(key);
    if (before !== undefined && this.#clock().getTime() < before.atMs + REPEAT_MS) {
      before.count += count;
      return;
    }
    const repeated = before === undefined ? ABSENT : await this.#repeat(before, count);
    const written = repeated.is === 'absent' ? await this.#create(event, count) : repeated;
    if (written.is === 'present') this.#remember(key, written.value);
    else this.#drop(written.is === 'unknown' ? written.why : `${namespaceOf(event.about)} is no namespace`);
  }

  /** Absent when the event is there no more: the API server forgets them after an hour. */
  async #repeat({ path, count: before }: Written, more: number): Promise<Answer<Written>> {
    const count = before + more;
    const now = this.#clock();
    const body = { count, lastTimestamp: now.toISOString() };
    const answer = await this.#api({ method: 'PATCH', path, body });
    return answer.is === 'present' ? present({ path, count, atMs: now.getTime() }) : answer;
  }

  async #create(event: ClusterEvent, count: number): Promise<Answer<Written>> {
    const now = this.#clock();
    const uid = event.about.uid ?? (await this.#uidOf(event.about));
    const path = `/api/v1/namespaces/${encodeURIComponent(namespaceOf(event.about))}/events`;
    const body = eventObject(event, { node: this.#node, uid, count, now });
    const answer = await this.#api({ method: 'POST', path, body });
    const written = { path: `${path}/${body.metadata.name}`, count, atMs: now.getTime() };
    return answer.is === 'present' ? present(written) : answer;
  }

  /** Undefined when nobody knows: the event is written without, and is found by the object's name alone. */
  async #uidOf(about: Subject): Promise<string | undefined> {
    const found = await this.#api({ method: 'GET', path: pathOf(about) });
    return found.is === 'present' ? found.value.uid : undefined;
  }

  #remember(key: string, written: Written): void {
    this.#isSilent = false;
    this.#written.delete(key);
    this.#written.set(key, written);
    const [oldest] = this.#written.keys();
    if (this.#written.size > WRITTEN_MAX && oldest !== undefined) this.#written.delete(oldest);
  }

  #drop(why: string): void {
    if (!this.#isSilent) this.#tell({ notice: 'cluster-silent', lost: 'events', why });
    this.#isSilent = true;
  }
}

/** Events on what has no namespace are in `default`: the API server takes them nowhere else. */
function namespaceOf(about: Subject): string {
  return about.kind === 'PersistentVolumeClaim' ? about.namespace : 'default';
}

function pathOf(about: Subject): string {
  const name = encodeURIComponent(about.name);
  if (about.kind !== 'PersistentVolumeClaim') return `/api/v1/${about.kind.toLowerCase()}s/${name}`;
  return `/api/v1/namespaces/${encodeURIComponent(about.namespace)}/persistentvolumeclaims/${name}`;
}

type EventFacts = {
  readonly node: string;
  readonly uid: string | undefined;
  readonly count: number;
  readonly now: Date;
};

/** Pure but for its name, which no other event has. */
function eventObject({ about, type, reason, message }: ClusterEvent, { node, uid, count, now }: EventFacts) {
  const { kind, name } = about;
  const namespace = about.kind === 'PersistentVolumeClaim' ? about.namespace : undefined;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `instance-store-csi.${randomBytes(8).toString('hex')}`, namespace: namespaceOf(about) },
    involvedObject: { apiVersion: 'v1', kind, namespace, name, uid },
    type,
    reason,
    message: message.slice(0, MESSAGE_LENGTH_MAX),
    count,
    firstTimestamp: now.toISOString(),
    lastTimestamp: now.toISOString(),
    source: { component: DRIVER_NAME, host: node },
    reportingComponent: DRIVER_NAME,
    reportingInstance: node,
  };
}
