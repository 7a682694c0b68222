import { randomBytes } from 'node:crypto';
import { apply, get, kubectl } from '../lab/kubectl.ts';
import { until } from '../lab/wait.ts';

const RUNNING_TIMEOUT_S = 90;
/** The kubelet waits up to two minutes before it tries again to unmount what was busy. */
const GONE_TIMEOUT_MS = 300_000;

/** A namespace of the cluster for one test, with what the test does in it. */
export class Namespace {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  static async create(): Promise<Namespace> {
    const name = `test-${randomBytes(3).toString('hex')}`;
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    return new Namespace(name);
  }

  async kubectl(...args: readonly string[]): Promise<string> {
    return kubectl(`--namespace=${this.name}`, ...args);
  }

  async get<T>(...args: readonly string[]): Promise<T> {
    return get<T>(`--namespace=${this.name}`, ...args);
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const items = objects.map((object) => ({
      ...object,
      metadata: { ...(object as { metadata: object }).metadata, namespace: this.name },
    }));
    await apply({ apiVersion: 'v1', kind: 'List', items });
  }

  /** @throws when one of the pods is not ready within 90 s */
  async running(...pods: readonly string[]): Promise<void> {
    const named = pods.map((pod) => `pod/${pod}`);
    await this.kubectl('wait', '--for=condition=Ready', `--timeout=${RUNNING_TIMEOUT_S}s`, ...named);
  }

  /** Applies a pod and what it wants, and waits until it runs. */
  async run(pod: object, ...with_: readonly object[]): Promise<void> {
    await this.apply(...with_, pod);
    await this.running((pod as { metadata: { name: string } }).metadata.name);
  }

  /** Runs a command of a shell in a pod and returns what it prints. */
  async shell(pod: string, command: string): Promise<string> {
    return this.kubectl('exec', pod, '--', 'sh', '-c', command);
  }

  async nodeOf(pod: string): Promise<string> {
    const { spec } = await this.get<{ spec: { nodeName: string } }>('pod', pod);
    return spec.nodeName;
  }

  /** The volume that a claim is bound to. */
  async volumeOf(claim: string): Promise<PersistentVolume> {
    const { spec } = await this.get<{ spec: { volumeName: string } }>('pvc', claim);
    return get<PersistentVolume>('pv', spec.volumeName);
  }

  /** Deletes everything in it, and waits until the volumes that were bound here are gone. */
  async delete(): Promise<void> {
    // A shell that is a container's first process hears no SIGTERM: half a minute each.
    await this.kubectl('delete', 'pods', '--all', '--grace-period=1', '--wait=false');
    await kubectl('delete', 'namespace', this.name, '--wait=false');
    await until(`the volumes of namespace ${this.name} are gone`, GONE_TIMEOUT_MS, async () => {
      return (await volumesOf(this.name)).length === 0;
    });
  }
}

export type PersistentVolume = {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly capacity: { readonly storage: string };
    readonly claimRef?: { readonly namespace: string; readonly name: string };
    readonly csi: { readonly driver: string; readonly volumeHandle: string };
    readonly nodeAffinity: object;
    readonly persistentVolumeReclaimPolicy: string;
  };
  readonly status: { readonly phase: string };
};

async function volumesOf(namespace: string): Promise<readonly PersistentVolume[]> {
  const { items } = await get<{ items: readonly PersistentVolume[] }>('pv');
  return items.filter(
    ({ spec }) => spec.claimRef?.namespace === namespace && spec.persistentVolumeReclaimPolicy === 'Delete',
  );
}
