import { setTimeout as sleep } from 'node:timers/promises';
import { type Deadline, type handleUnaryCall, status } from '@grpc/grpc-js';
import { DriverError } from '../model/errors.ts';
import type { Readiness } from '../volumes/api.ts';
import { type Refusal, refusalOf } from './code.ts';
import type { Log } from './log.ts';
import { redact } from './redact.ts';

/**
 * One RPC: its request is decoded purely, then run. Neither sees a secret; either may throw. A `run` that fills
 * fields says its response type, as TypeScript finds a misspelt field only then.
 */
type Method<Request, Wanted, Response> = {
  readonly name: string;
  /** What is asked for every few seconds is told at `debug`; refusals are always told. */
  readonly level: 'info' | 'debug';
  /** `disks`: refused as `not-ready` until the volumes are. `disks soon`: waited for, where a refusal costs the caller dear. */
  readonly needs: 'disks' | 'disks soon' | 'nothing';
  readonly decode: (request: Request) => Wanted;
  readonly run: (wanted: Wanted) => NoInfer<Response> | Promise<NoInfer<Response>>;
};

/** Makes a handler of a method; the only place where a promise meets gRPC. */
export type Adapt = <Request extends object, Wanted, Response>(
  method: Method<Request, Wanted, Response>,
) => handleUnaryCall<Request, Response>;

/** An answer that a caller got; `code` is the name of a gRPC status. */
export type Call = { readonly method: string; readonly code: string; readonly durationMs: number };
export type CallListener = (call: Call) => void;

type Outcome<Response> =
  | { readonly ok: true; readonly response: Response }
  | { readonly ok: false; readonly refusal: Refusal };

/** A shorter deadline leaves no room for an earlier answer; nor is a timer worth having beyond a day. */
const DEADLINE_MS_MIN = 1_000;
const DEADLINE_MS_MAX = 24 * 3600 * 1_000;
const PATIENCE = 0.9;

/** Longer than disks are looked at for the first time. */
const WAIT_MS = 30_000;
const WAIT_POLL_MS = 100;

/**
 * Handlers that never reject, answer exactly once, leave one line in the log and tell the listener. Work is never aborted: when the
 * client's deadline comes near, the client hears ABORTED and the work goes on; a repeat finds it done or `busy`.
 */
export function adapter(log: Log, ready: () => Readiness, listener: CallListener): Adapt {
  return (method) => (call, callback) => {
    const request = redact(call.request);
    const told = tellers(log, listener, method, subjectOf(request));
    log.debug({ method: method.name, request }, 'call begins');
    let answered = false;
    const early = onDeadlineNear(call.getDeadline(), () => {
      answered = true;
      const refusal = stillWorking(method.name);
      told.answer({ ok: false, refusal });
      callback({ code: refusal.code, details: refusal.message });
    });
    void perform(method, request, ready).then((outcome) => {
      clearTimeout(early);
      if (answered) return told.late(outcome);
      told.answer(outcome);
      if (outcome.ok) callback(null, outcome.response);
      else callback({ code: outcome.refusal.code, details: outcome.refusal.message });
    });
  };
}

async function perform<Request, Wanted, Response>(
  method: Method<Request, Wanted, Response>,
  request: Request,
  ready: () => Readiness,
): Promise<Outcome<Response>> {
  try {
    const wanted = method.decode(request);
    if (method.needs === 'disks soon') await untilReady(ready);
    if (method.needs !== 'nothing') demandReady(ready());
    return { ok: true, response: await method.run(wanted) };
  } catch (error) {
    return { ok: false, refusal: refusalOf(error) };
  }
}

/** Or until it has waited long enough. Keeps no process alive. */
async function untilReady(ready: () => Readiness): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS;
  while (ready().is !== 'ready' && performance.now() < deadlineMs)
    await sleep(WAIT_POLL_MS, undefined, { ref: false });
}

function demandReady(readiness: Readiness): void {
  if (readiness.is === 'ready') return;
  throw new DriverError('not-ready', `the driver is not ready: ${readiness.why}`);
}

function stillWorking(method: string): Refusal {
  return {
    code: status.ABORTED,
    message: `still working on ${method}, and the caller's deadline is near: the work goes on; repeat the call`,
  };
}

function onDeadlineNear(deadline: Deadline, act: () => void): NodeJS.Timeout | undefined {
  const remainingMs = Number(deadline) - Date.now();
  if (!(remainingMs > DEADLINE_MS_MIN && remainingMs < DEADLINE_MS_MAX)) return undefined;
  return setTimeout(act, remainingMs * PATIENCE);
}

/** The volume a request is about: its handle, or the name that CreateVolume gives; cut, as anybody can send anything. */
function subjectOf(request: object): string | undefined {
  const { volume_id: handle, name } = request as { readonly volume_id?: unknown; readonly name?: unknown };
  const subject = handle ?? name;
  return typeof subject === 'string' && subject !== '' ? subject.slice(0, 128) : undefined;
}

type Teller = (outcome: Outcome<unknown>) => void;

function tellers(
  log: Log,
  listener: CallListener,
  method: Pick<Method<never, never, never>, 'name' | 'level'>,
  volume: string | undefined,
): { readonly answer: Teller; readonly late: Teller } {
  const startedAtMs = performance.now();
  const tell = (outcome: Outcome<unknown>, text: string): Call => {
    const code = status[outcome.ok ? status.OK : outcome.refusal.code];
    const durationMs = performance.now() - startedAtMs;
    const line = { method: method.name, volume, code, durationMs: Math.round(durationMs) };
    if (outcome.ok) log[method.level](line, text);
    else if ('bug' in outcome.refusal) log.error({ ...line, err: outcome.refusal.bug }, text);
    else log.warn({ ...line, message: outcome.refusal.message }, text);
    return { method: method.name, code, durationMs };
  };
  return {
    answer: (outcome) => listener(tell(outcome, 'call')),
    late: (outcome) => void tell(outcome, 'call ended after its answer'),
  };
}
