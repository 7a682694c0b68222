/** From a claim to a pod that runs, and the driver's share of that time. */
import { ms, percentile } from '../../bench/figures.ts';
import { until } from '../lab/wait.ts';
import { Namespace } from '../play/namespace.ts';
import { claim, pod } from '../play/objects.ts';
import { callsSince } from './driver-log.ts';
import { Watch } from './watch.ts';

const RUNNING_TIMEOUT_MS = 180_000;
/** What the pod waits for, in this order. */
const METHODS = ['CreateVolume', 'NodeStageVolume', 'NodePublishVolume'] as const;
/** The first one waits for the watches, and for what is in no cache yet. */
const UNCOUNTED = 1;
const MIB_512 = '512Mi';

type Pod = {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase: string };
};
type Claim = {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly volumeName?: string };
  readonly status: { readonly phase: string };
};

/** `none` is a pod without a volume: what Kubernetes and containerd take anyway. */
type Kind = 'none' | 'xfs' | 'block';
type Life = {
  /** Since the claim was there, or the pod where there is none. */
  readonly boundMs: number;
  readonly runningMs: number;
  readonly driverMs: Readonly<Record<(typeof METHODS)[number], number>>;
};

const TITLES: Readonly<Record<Kind, string>> = {
  none: 'a pod without a volume: created → Running',
  xfs: 'a claim and its pod, XFS of 512 MiB: claim created → pod Running',
  block: 'the same, raw block of 512 MiB',
};

/** Rows of a table: what, p50, p95. The pods come one after the other. And how many volumes were made for that. */
export async function measureLatency(
  samples: number,
): Promise<{ readonly rows: readonly (readonly string[])[]; readonly volumes: number }> {
  const rows: (readonly string[])[] = [['', 'p50', 'p95']];
  let volumes = 0;
  for (const kind of ['none', 'xfs', 'block'] as const) {
    const lives = await measureKind(kind, samples);
    rows.push(row(TITLES[kind], lives, ({ runningMs }) => runningMs));
    if (kind === 'none') continue;
    volumes += samples + UNCOUNTED;
    rows.push(row('- claim created → bound', lives, ({ boundMs }) => boundMs));
    for (const method of METHODS) rows.push(row(`- ${method}`, lives, ({ driverMs }) => driverMs[method]));
    rows.push(row('- all calls of the driver', lives, driverMsOf));
    const share = lives.map((life) => (driverMsOf(life) / life.runningMs) * 100);
    rows.push(['- their share', ...[50, 95].map((percent) => `${percentile(share, percent).toFixed(0)} %`)]);
  }
  return { rows, volumes };
}

const driverMsOf = ({ driverMs }: Life): number => METHODS.reduce((sum, method) => sum + driverMs[method], 0);

function row(what: string, lives: readonly Life[], of: (life: Life) => number): readonly string[] {
  const values = lives.map(of);
  return [what, ms(percentile(values, 50)), ms(percentile(values, 95))];
}

async function measureKind(kind: Kind, samples: number): Promise<readonly Life[]> {
  const place = await Namespace.create();
  try {
    using pods = await Watch.open<Pod>(`/api/v1/namespaces/${place.name}/pods`);
    using claims = await Watch.open<Claim>(`/api/v1/namespaces/${place.name}/persistentvolumeclaims`);
    const lives: Life[] = [];
    for (let at = 0; at < samples + UNCOUNTED; at += 1)
      lives.push(await live(place, kind, `app-${at}`, pods, claims));
    return lives.slice(UNCOUNTED);
  } finally {
    await place.delete();
  }
}

async function live(
  place: Namespace,
  kind: Kind,
  name: string,
  pods: Watch<Pod>,
  claims: Watch<Claim>,
): Promise<Life> {
  const since = new Date();
  await place.apply(...objectsOf(kind, name));
  const runningAtMs = await until(`${name} runs`, RUNNING_TIMEOUT_MS, async () =>
    pods.first(({ metadata, status }) => metadata.name === name && status.phase === 'Running'),
  );
  const first = (watch: Watch<Claim>, holds: (object: Claim) => boolean): number | undefined =>
    watch.first((object) => object.metadata.name === name && holds(object));
  const createdAtMs =
    first(claims, () => true) ?? pods.first(({ metadata }) => metadata.name === name) ?? Number.NaN;
  const boundAtMs = first(claims, ({ status }) => status.phase === 'Bound') ?? createdAtMs;
  const driverMs = await driverTimes(kind === 'none' ? undefined : await volumeOf(place, name), since);
  await place.kubectl('delete', 'pod,pvc', '--all');
  return { boundMs: boundAtMs - createdAtMs, runningMs: runningAtMs - createdAtMs, driverMs };
}

function objectsOf(kind: Kind, name: string): readonly object[] {
  if (kind === 'none') return [pod(name)];
  const volumeMode = kind === 'block' ? 'Block' : 'Filesystem';
  const uses = kind === 'block' ? { blocks: [name] } : { claims: [name] };
  return [claim(name, { size: MIB_512, volumeMode }), pod(name, uses)];
}

/** By both names that the driver's log calls it. */
async function volumeOf(place: Namespace, claimName: string): Promise<readonly string[]> {
  const { metadata, spec } = await place.volumeOf(claimName);
  return [metadata.name, spec.csi.volumeHandle];
}

async function driverTimes(names: readonly string[] = [], since: Date): Promise<Life['driverMs']> {
  const calls = (await callsSince(since)).filter(({ volume = '' }) => names.includes(volume));
  const sum = (wanted: string): number =>
    calls.filter(({ method }) => method === wanted).reduce((total, { durationMs }) => total + durationMs, 0);
  return {
    CreateVolume: sum('CreateVolume'),
    NodeStageVolume: sum('NodeStageVolume'),
    NodePublishVolume: sum('NodePublishVolume'),
  };
}
