import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kubectl } from './kubectl.ts';
import { CONTROL_PLANE, start } from './machine.ts';
import { API_ADDRESS, BIN, FOLDER, nodeAddress, SERVICE_RANGE } from './place.ts';
import { until } from './wait.ts';

const PROGRAMS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kubectl',
];
const READY_TIMEOUT_MS = 300_000;

/** What the driver's service accounts ask for is told, nothing else. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'Metadata', userGroups: ['system:serviceaccounts:instance-store-csi'] },
    { level: 'None' },
  ],
};

/** Puts the programs of the one binary in reach, by their names. */
export async function linkPrograms(kubernetes: string): Promise<void> {
  await mkdir(BIN);
  for (const program of PROGRAMS) await symlink(kubernetes, join(BIN, program));
}

/** Starts etcd, API server, controller manager and scheduler; certificates and programs are there. */
export async function startControlPlane(nodes: readonly number[]): Promise<void> {
  await mkdir(CONTROL_PLANE.folder);
  await writeFile(join(FOLDER, 'audit-policy.json'), JSON.stringify(AUDIT_POLICY));
  await start(CONTROL_PLANE, [
    ...(['unshare', '--pid', '--net', '--fork', '--kill-child', '--'] as const),
    join(import.meta.dirname, 'control-plane.sh'),
    ...[FOLDER, SERVICE_RANGE, API_ADDRESS],
    ...nodes.map(nodeAddress),
  ]);
}

export async function controlPlaneReady(): Promise<void> {
  await until('the API server is ready', READY_TIMEOUT_MS, async () => {
    return (await kubectl('get', '--raw', '/readyz')) === 'ok';
  });
}
