import { kubectl } from '../lab/kubectl.ts';
import { DRIVER_NAMESPACE } from '../play/driver.ts';

/** A line of the driver's log on a gRPC call that was answered. `volume` is the name in CreateVolume, else the handle. */
type Call = {
  readonly msg: string;
  readonly method: string;
  readonly volume?: string;
  readonly code: string;
  readonly durationMs: number;
};

/** The calls of all node processes since then, and whose volume it was. */
export async function callsSince(since: Date): Promise<readonly Call[]> {
  const text = await kubectl(
    ...[`--namespace=${DRIVER_NAMESPACE}`, 'logs', `--since-time=${since.toISOString()}`, '--tail=-1'],
    ...['--selector=app.kubernetes.io/component=node', '--container=instance-store-csi'],
  );
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Call)
    .filter(({ msg, code }) => msg === 'call' && code === 'OK');
}
