import { setTimeout as sleep } from 'node:timers/promises';
import { type V1Lease, V1MicroTime } from '@kubernetes/client-node';
import type { Answer } from '../model/answer.ts';
import type { NotifyCluster } from '../model/cluster-notice.ts';
import { type Api, answerOf, inWords, succeeded } from './api.ts';
import { decideLease, LEASE_MS, RENEW_EVERY_MS, RENEW_WITHIN_MS, type Sighting, sighting } from './lease.ts';

type ElectionOptions = {
  readonly api: Api;
  readonly namespace: string;
  readonly name: string;
  /** Who we are: the pod's name. */
  readonly me: string;
  readonly notify: NotifyCluster;
};

const RETRY_MS = 2_000;

/**
 * One leader by a Lease, as client-go does it. Two leaders for a moment would harm nothing, as every change is
 * conditional on what was read; the lease is there so that replicas do not ask the API server twice.
 */
export class Election {
  private readonly options: ElectionOptions;
  private seen: Sighting | undefined;

  constructor(options: ElectionOptions) {
    this.options = options;
  }

  /** Resolves when this process leads, with true; with false when told to stop before. */
  async won(stop: AbortSignal): Promise<boolean> {
    while (!stop.aborted) {
      const won = await this.claim().catch((error: unknown) => this.failed(error));
      if (won) return true;
      await pause(RENEW_EVERY_MS, stop);
    }
    return false;
  }

  /** Renews until told to stop, and then lets go; resolves earlier, with `lost`, when it cannot renew in time. */
  async keep(stop: AbortSignal): Promise<'lost' | 'stopped'> {
    let renewedAtMs = performance.now();
    let waitMs = RENEW_EVERY_MS;
    for (;;) {
      await pause(waitMs, stop);
      if (stop.aborted) return this.release();
      const askedAtMs = performance.now();
      const answer = await this.claim().catch((error: unknown) => void this.failed(error));
      if (answer === false) return 'lost';
      if (answer === true) renewedAtMs = askedAtMs;
      if (performance.now() - renewedAtMs > RENEW_WITHIN_MS) return 'lost';
      waitMs = answer === true ? RENEW_EVERY_MS : RETRY_MS;
    }
  }

  /** Takes or renews the lease if it may. @returns whether this process holds it now */
  private async claim(): Promise<boolean> {
    const { me } = this.options;
    const lease = await this.read();
    const nowMs = performance.now();
    this.seen = sighting(lease, this.seen, nowMs);
    const decision = decideLease(lease, me, this.seen, nowMs);
    if (decision === 'wait') return false;
    return lease.is === 'present' ? this.replace(held(lease.value, me)) : this.create();
  }

  private read(): Promise<Answer<V1Lease>> {
    const { api, namespace, name } = this.options;
    return answerOf(api.coordination.readNamespacedLease({ namespace, name }));
  }

  private create(): Promise<boolean> {
    const { api, namespace, name, me } = this.options;
    const body = held({ metadata: { name, namespace } }, me);
    return succeeded(api.coordination.createNamespacedLease({ namespace, body }));
  }

  /** Refused when anybody else wrote since: the body bears the version that was read. */
  private replace(body: V1Lease): Promise<boolean> {
    const { api, namespace, name } = this.options;
    return succeeded(api.coordination.replaceNamespacedLease({ namespace, name, body }));
  }

  /** The next leader need not wait for the lease to run out. */
  private async release(): Promise<'stopped'> {
    try {
      const lease = await this.read();
      if (lease.is === 'present' && lease.value.spec?.holderIdentity === this.options.me)
        await this.replace({ ...lease.value, spec: { ...lease.value.spec, holderIdentity: '' } });
    } catch (error) {
      this.failed(error);
    }
    return 'stopped';
  }

  private failed(error: unknown): false {
    this.options.notify({ notice: 'request-failed', what: 'lease', error: inWords(error) });
    return false;
  }
}

/** The lease as this process holds it from now on. */
function held(lease: V1Lease, me: string): V1Lease {
  const now = new V1MicroTime();
  const isRenewal = lease.spec?.holderIdentity === me;
  return {
    ...lease,
    spec: {
      ...lease.spec,
      holderIdentity: me,
      leaseDurationSeconds: LEASE_MS / 1_000,
      acquireTime: isRenewal ? (lease.spec?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + (isRenewal ? 0 : 1),
    },
  };
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal: stop }).catch(() => undefined);
}
