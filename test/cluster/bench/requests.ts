/** What the driver's pods ask of the API server, by the API server's own audit log. */
import { type Request, readAudit } from '../play/audit.ts';

/** Of its pods, as they name themselves in each request. */
const AGENTS: Readonly<Record<string, string>> = {
  'instance-store-csi': 'node: instance-store-csi',
  'csi-provisioner': 'node: csi-provisioner',
  'instance-store-csi-controller': 'controller: instance-store-csi',
  'csi-resizer': 'controller: csi-resizer',
};

export const CONTAINERS: readonly string[] = Object.values(AGENTS);

/** The requests that were received in that time; a watch is one. */
export async function requestsBetween(fromMs: number, toMs: number): Promise<readonly Request[]> {
  const requests = (await readAudit()).filter(({ requestReceivedTimestamp }) => {
    const atMs = Date.parse(requestReceivedTimestamp);
    return atMs >= fromMs && atMs < toMs;
  });
  return [...new Map(requests.map((request) => [request.auditID, request])).values()];
}

/** @throws when a request comes from something that is not known here */
export function containerOf({ userAgent }: Request): string {
  const [agent = ''] = userAgent.split('/');
  const container = AGENTS[agent];
  if (container === undefined) throw new Error(`Who is ${userAgent}?`);
  return container;
}

/** `3 get nodes, 1 patch events`, the most frequent first. */
export function describeRequests(requests: readonly Request[]): string {
  const counts = new Map<string, number>();
  for (const { verb, objectRef } of requests) {
    const what = `${verb} ${objectRef?.resource ?? 'other'}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}
