import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Durable } from '../host/durable.ts';
import { ABSENT, type Answer, present, unknown } from '../model/answer.ts';
import { DriverError, messageOf } from '../model/errors.ts';
import type { Notice, Notify } from '../model/notice.ts';
import type { Api } from './client.ts';

/** The label of Nodes that volumes are pinned by; also the key of our topology. */
export const HOSTNAME_LABEL = 'kubernetes.io/hostname';

type HostnameOptions = {
  readonly api: Api;
  readonly node: string;
  readonly stateDir: string;
  readonly notify: Notify;
  readonly pace?: Pace;
};

/** How long until the label is asked for again: when it was told, and at first and at most when it was not. */
type Pace = { readonly toldMs: number; readonly retryMs: number; readonly retryMsMax: number };

/** One request in three minutes. A thousand nodes that were started at once do not go on asking at once. */
const PACE: Pace = { toldMs: 180_000, retryMs: 1_000, retryMsMax: 30_000 };
const JITTER = 0.2;

/**
 * The hostname label of this node. The provisioner reads it once, a PersistentVolume keeps it for ever, and the kubelet
 * refuses a driver that says another: so it is never guessed, and never changes while the process lives. What was read
 * is kept in the state directory, for starts while the API server is away.
 */
export class Hostname {
  readonly #options: HostnameOptions;
  #served: string | undefined;
  #why = 'it is being asked for';

  constructor(options: HostnameOptions) {
    this.#options = options;
  }

  /** @throws DriverError `not-ready` until it was read once, now or by an earlier process */
  current(): string {
    if (this.#served !== undefined) return this.#served;
    const { node } = this.#options;
    throw new DriverError(
      'not-ready',
      `The label ${HOSTNAME_LABEL} of node ${node} is not known: ${this.#why}`,
    );
  }

  /**
   * Asks again and again until told to stop. Only for the holder of the state directory's lock.
   * @returns why the process has to end, as what it serves has become wrong; undefined when told to stop
   */
  async watch(durable: Durable, stop: AbortSignal): Promise<string | undefined> {
    const { api, node, stateDir, pace = PACE } = this.#options;
    let kept = await readKept(stateDir, node);
    for (let silences = 0; !stop.aborted; ) {
      const label = await readLabel(api, node);
      silences = label.is === 'unknown' ? silences + 1 : 0;
      if (label.is === 'unknown') this.#tellSilence(label.why, silences);
      const told = hostnameBy(label, this.#served ?? kept, node);
      if (told !== undefined) {
        if (told.hostname !== kept) kept = await this.#keep(told.hostname, durable);
        if (this.#served !== undefined && told.hostname !== this.#served) return this.#changed(told.hostname);
        this.#serve(told);
      }
      await sleep(delayMs(silences, pace), undefined, { signal: stop }).catch(() => undefined);
    }
    return undefined;
  }

  #tellSilence(why: string, silences: number): void {
    this.#why = why;
    if (silences === 1) this.#options.notify({ notice: 'cluster-silent', lost: 'hostname label', why });
  }

  #serve(told: Told): void {
    if (this.#served === undefined) this.#options.notify({ notice: 'hostname', ...told });
    this.#served = told.hostname;
  }

  #changed(hostname: string): string {
    const { node } = this.#options;
    return (
      `The label ${HOSTNAME_LABEL} of node ${node} is "${hostname}" now, and "${this.#served}" was served: ` +
      'ending, so that this process and its sidecars start with the new one'
    );
  }

  /** What could not be kept is told, and tried again with the next answer. */
  async #keep(hostname: string, durable: Durable): Promise<string | undefined> {
    const { node, stateDir, notify } = this.#options;
    try {
      await durable.write(keptFile(stateDir), `${JSON.stringify({ node, hostname })}\n`);
      return hostname;
    } catch (error) {
      notify({ notice: 'step-failed', step: 'keep the hostname label', error: messageOf(error) });
      return undefined;
    }
  }
}

type Told = Omit<Extract<Notice, { readonly notice: 'hostname' }>, 'notice'>;

/**
 * Pure: what to serve after an answer, or undefined while there is nothing to go by. The kubelet sets a label that is
 * missing to what is served: what volumes were pinned by, else what it would choose itself.
 */
export function hostnameBy(label: Answer<string>, known: string | undefined, node: string): Told | undefined {
  if (label.is === 'present') return { hostname: label.value, from: 'label' };
  if (known !== undefined) return { hostname: known, from: 'state directory' };
  return label.is === 'absent' ? { hostname: node, from: 'node name' } : undefined;
}

async function readLabel(api: Api, node: string): Promise<Answer<string>> {
  const found = await api({ method: 'GET', path: `/api/v1/nodes/${encodeURIComponent(node)}` });
  if (found.is === 'absent')
    return unknown(`the cluster has no node of this name; --node-name must be its own`);
  if (found.is === 'unknown') return found;
  const hostname = found.value.labels[HOSTNAME_LABEL];
  return hostname ? present(hostname) : ABSENT;
}

/** Doubles from one silence to the next. */
function delayMs(silences: number, { toldMs, retryMs, retryMsMax }: Pace): number {
  const even = silences === 0 ? toldMs : Math.min(retryMs * 2 ** (silences - 1), retryMsMax);
  return even * (1 - JITTER * Math.random());
}

function keptFile(stateDir: string): string {
  return join(stateDir, 'hostname.json');
}

/** Undefined for whatever reason: then the API server alone can tell. A label of another node is not ours. */
async function readKept(stateDir: string, node: string): Promise<string | undefined> {
  try {
    const kept = JSON.parse(await readFile(keptFile(stateDir), 'utf8'));
    return kept.node === node && typeof kept.hostname === 'string' ? kept.hostname : undefined;
  } catch {
    return undefined;
  }
}
