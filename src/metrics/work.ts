import { basename } from 'node:path';
import type { Registry } from 'prom-client';
import type { ExecListener } from '../host/exec.ts';
import { addCounter, addHistogram } from './define.ts';

/** What the driver does for others, and what it has the host do: how long it takes, and how it ends. */

/** A gRPC call that was answered; `code` is the name of its status. */
type Call = { readonly method: string; readonly code: string; readonly durationMs: number };
export type CallListener = (call: Call) => void;

/** From answers out of memory to the deadlines of the clients; few, as each is a series for every method and code. */
const CALL_BUCKETS_SECONDS = [0.01, 0.1, 0.5, 2, 10, 60];
const COMMAND_BUCKETS_SECONDS = [0.01, 0.1, 1, 10, 60];

export function countCalls(registry: Registry): CallListener {
  const durations = addHistogram(registry, {
    name: 'instance_store_csi_call_duration_seconds',
    help: 'Time until a call of the CSI socket was answered, by method and gRPC status.',
    labelNames: ['method', 'code'],
    buckets: CALL_BUCKETS_SECONDS,
  });
  return ({ method, code, durationMs }) => durations.observe({ method, code }, durationMs / 1000);
}

export function countCommands(registry: Registry): ExecListener {
  const durations = addHistogram(registry, {
    name: 'instance_store_csi_command_duration_seconds',
    help: 'Time that commands of the host took; `node` is the child that reads disks.',
    labelNames: ['command'],
    buckets: COMMAND_BUCKETS_SECONDS,
  });
  const failures = addCounter(registry, {
    name: 'instance_store_csi_command_failures_total',
    help: 'Commands of the host that did not end as wanted: `exit` (a bad exit code), `signal`, `timeout`, `hung` (not even killed), `too-much-output`, `missing`, `not-spawned`.',
    labelNames: ['command', 'ending'],
  });
  return (event) => {
    const command = basename(event.command);
    durations.observe({ command }, event.durationMs / 1000);
    if (!event.isOk) failures.inc({ command, ending: event.ending.is });
  };
}
