/** What the driver's containers take of memory and processor, as the kernel counts it. */
import { readdir, readFile } from 'node:fs/promises';
import { get } from '../lab/kubectl.ts';
import { DRIVER_NAMESPACE } from '../play/driver.ts';

/** Of all processes of a container. */
export type Usage = {
  /** As `node: csi-provisioner`. */
  readonly container: string;
  readonly pod: string;
  readonly rssBytes: number;
  /** What would be free if it ended: nobody else has these pages. */
  readonly privateBytes: number;
  /** The most that its first process ever had. */
  readonly peakRssBytes: number;
  /** With what its children that ended took. */
  readonly cpuMs: number;
};

type DriverPod = {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly status: {
    readonly containerStatuses: readonly { readonly name: string; readonly containerID: string }[];
  };
};

/** Of every container of the driver in the cluster. */
export async function usages(): Promise<readonly Usage[]> {
  const { items } = await get<{ items: readonly DriverPod[] }>('pods', `--namespace=${DRIVER_NAMESPACE}`);
  const processes = await processesByCgroup();
  const containers = items.flatMap(({ metadata, status }) =>
    status.containerStatuses.map(({ name, containerID }) => ({
      pod: metadata.name,
      container: `${metadata.labels['app.kubernetes.io/component']}: ${name}`,
      id: containerID.replace('containerd://', ''),
    })),
  );
  return Promise.all(
    containers.map(async ({ pod, container, id }) => {
      const pids = [...processes].filter(([, cgroup]) => cgroup.includes(id)).map(([pid]) => pid);
      const all = await Promise.all(pids.map(usageOf));
      const sum = (of: (usage: ProcessUsage) => number): number =>
        all.reduce((total, usage) => total + of(usage), 0);
      return {
        pod,
        container,
        rssBytes: sum(({ rssBytes }) => rssBytes),
        privateBytes: sum(({ privateBytes }) => privateBytes),
        peakRssBytes: Math.max(...all.map(({ peakRssBytes }) => peakRssBytes)),
        cpuMs: sum(({ cpuMs }) => cpuMs),
      };
    }),
  );
}

/** All nodes are namespaces of this machine, whose /proc shows them all. */
async function processesByCgroup(): Promise<ReadonlyMap<string, string>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => [pid, await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '')] as const),
  );
  return new Map(found);
}

type ProcessUsage = Omit<Usage, 'pod' | 'container'>;

/** The kernel counts processor time in hundredths of a second. */
const TICK_MS = 10;

async function usageOf(pid: string): Promise<ProcessUsage> {
  const [rollup, status, stat] = await Promise.all(
    ['smaps_rollup', 'status', 'stat'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8')),
  );
  const bytes = (text = '', name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024;
  // Behind the name, which may hold anything: utime, stime, cutime and cstime are the fields 14 to 17.
  const fields = (stat ?? '').slice((stat ?? '').lastIndexOf(')') + 2).split(' ');
  return {
    rssBytes: bytes(rollup, 'Rss'),
    privateBytes: bytes(rollup, 'Private_Clean') + bytes(rollup, 'Private_Dirty'),
    peakRssBytes: bytes(status, 'VmHWM'),
    cpuMs: fields.slice(11, 15).reduce((total, ticks) => total + Number(ticks) * TICK_MS, 0),
  };
}
