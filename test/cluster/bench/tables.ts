/** Observations as rows of tables; the first row is the head. */
import { mib } from '../../bench/figures.ts';
import type { Request } from '../play/audit.ts';
import type { Usage } from './containers.ts';
import type { Observation } from './observation.ts';
import { CONTAINERS, containerOf, describeRequests } from './requests.ts';

type Rows = readonly (readonly string[])[];

const NODE_POD = 'node:';
const DRIVER = `${NODE_POD} instance-store-csi`;
const REQUESTS_MAX = 1;
const RSS_MAX_MIB = 84;

/** Requests a minute, of each container and of all of a node's. */
export function idleRequests({ requests, minutes, after }: Observation): Rows {
  const perMinute = (part: string, some: readonly Request[]): number => {
    const pods = new Set(after.filter(({ container }) => container.startsWith(part)).map(({ pod }) => pod));
    return some.length / minutes / pods.size;
  };
  const rows = [...CONTAINERS, NODE_POD].map((part) => {
    const some = requests.filter((request) => containerOf(request).startsWith(part));
    const rate = perMinute(part, some);
    const goal = part === DRIVER ? verdict(rate < REQUESTS_MAX, `< ${REQUESTS_MAX} a minute`) : '';
    const what = part === NODE_POD ? 'node: the whole pod' : part;
    return [what, rate.toFixed(2), describeRequests(some), goal];
  });
  return [['', 'a minute and pod', 'all of them together', 'goal'], ...rows];
}

const verdict = (isMet: boolean, goal: string): string => `${isMet ? 'met' : 'MISSED'} (${goal})`;

/** Memory and processor while nothing happens: of several pods the one that takes most. */
export function idleUsage(idle: Observation): Rows {
  return [
    ['', 'RSS', 'private', 'processor', 'goal'],
    ...grouped(idle).map(({ container, most, cpuMs }) => [
      container,
      mib(most(({ rssBytes }) => rssBytes)),
      mib(most(({ privateBytes }) => privateBytes)),
      `${(cpuMs / idle.minutes / 60).toFixed(1)} m`,
      container === DRIVER
        ? verdict(most(({ rssBytes }) => rssBytes) <= RSS_MAX_MIB * 1024 ** 2, `RSS <= ${RSS_MAX_MIB} MiB`)
        : '',
    ]),
  ];
}

/** The same after so many volumes came and went, and what one of them cost in all of the cluster's pods. */
export function busyUsage(busy: Observation, lives: number): Rows {
  return [
    ['', 'RSS', 'private', 'most RSS ever', 'processor a volume', 'requests a volume'],
    ...grouped(busy).map(({ container, most, allCpuMs }) => [
      container,
      mib(most(({ rssBytes }) => rssBytes)),
      mib(most(({ privateBytes }) => privateBytes)),
      mib(most(({ peakRssBytes }) => peakRssBytes)),
      `${(allCpuMs / lives).toFixed(0)} ms`,
      (busy.requests.filter((request) => containerOf(request) === container).length / lives).toFixed(1),
    ]),
  ];
}

/** What a container came to hold, compared with before. */
export function growth(before: Observation, after: Observation): Rows {
  const earlier = new Map(grouped(before).map((each) => [each.container, each]));
  return [
    ['', 'private before', 'private after', 'requests a minute', 'processor'],
    ...grouped(after).map(({ container, most, cpuMs }) => [
      container,
      mib(earlier.get(container)?.most(({ privateBytes }) => privateBytes) ?? 0),
      mib(most(({ privateBytes }) => privateBytes)),
      (after.requests.filter((request) => containerOf(request) === container).length / after.minutes).toFixed(
        1,
      ),
      `${(cpuMs / after.minutes / 60).toFixed(1)} m`,
    ]),
  ];
}

/** What a thousand nodes come to, from what each was seen to do. */
export function manyNodes(seen: {
  readonly idle: Observation;
  readonly busy: Observation;
  /** So many volumes came and went in `busy`. */
  readonly lives: number;
  /** While so many volumes of other nodes were added. */
  readonly volumes: Observation;
  readonly added: number;
}): Rows {
  const { idle, busy, lives, volumes, added } = seen;
  const pods = new Set(idle.after.filter(isOfNode).map(({ pod }) => pod)).size;
  const aSecond = (some: readonly Request[]): number => some.length / pods / (idle.minutes * 60);
  const ofNodes = idle.requests.filter((request) => containerOf(request).startsWith(NODE_POD));
  const own = ofNodes.filter((request) => containerOf(request) === DRIVER);
  const perLife = busy.requests.length / lives;
  const growthBytes = (find(volumes).most(byPrivate) - find(busy).most(byPrivate)) / added;
  return [
    ['', 'one node', '1,000 nodes'],
    ['requests of the driver itself, idle', ...[1, NODES].map((count) => perSecond(aSecond(own) * count))],
    ["requests of the driver's pod, idle", ...[1, NODES].map((count) => perSecond(aSecond(ofNodes) * count))],
    [
      'requests of all pods, a volume made and deleted every minute on each node',
      ...[1, NODES].map((count) => perSecond((perLife / 60) * count)),
    ],
    [
      `memory of each csi-provisioner for the volumes of all nodes, ${VOLUMES_OF_A_NODE} on each`,
      ...[1, NODES].map((count) => mib(growthBytes * count * VOLUMES_OF_A_NODE)),
    ],
  ];
}

const NODES = 1_000;
const VOLUMES_OF_A_NODE = 20;
const isOfNode = ({ container }: Usage): boolean => container.startsWith(NODE_POD);
const byPrivate = ({ privateBytes }: Usage): number => privateBytes;
const perSecond = (value: number): string => `${value.toFixed(3)} a second`;

function find(observation: Observation): Group {
  const group = grouped(observation).find(({ container }) => container === 'node: csi-provisioner');
  if (group === undefined) throw new Error('no csi-provisioner was seen');
  return group;
}

type Group = {
  readonly container: string;
  readonly most: (of: (usage: Usage) => number) => number;
  /** Of the pod that took most, and of all of them. */
  readonly cpuMs: number;
  readonly allCpuMs: number;
};

/** The containers of one name. One that started anew meanwhile is counted from its start. */
function grouped({ before, after }: Observation): readonly Group[] {
  const earlier = new Map(before.map((usage) => [`${usage.pod}/${usage.container}`, usage.cpuMs]));
  return [...new Set(after.map(({ container }) => container))].toSorted().map((container) => {
    const usages = after.filter((usage) => usage.container === container);
    const spent = usages.map(({ pod, cpuMs }) => {
      const atFirst = earlier.get(`${pod}/${container}`) ?? 0;
      return cpuMs >= atFirst ? cpuMs - atFirst : cpuMs;
    });
    return {
      container,
      most: (of) => Math.max(...usages.map(of)),
      cpuMs: Math.max(...spent),
      allCpuMs: spent.reduce((sum, ms) => sum + ms, 0),
    };
  });
}
