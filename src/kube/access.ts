import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the API server is, and the folder with what the kubelet gives every pod to reach it. */
export type ClusterAccess = { readonly host: string; readonly port: number; readonly folder: string };

/** What one request needs; the kubelet replaces both files as they age, so they are read for each. */
export type Credentials = { readonly token: string; readonly ca: string };

const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The cluster that this process is a pod of, by the variables that the kubelet sets in every container. */
export function clusterOf(env: Readonly<Record<string, string | undefined>>): ClusterAccess | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  return host ? { host, port: Number(port || 443), folder: ACCOUNT_FOLDER } : undefined;
}

/** Rejects as readFile does. */
export async function readCredentials(folder: string): Promise<Credentials> {
  const [token, ca] = await Promise.all(
    ['token', 'ca.crt'].map((name) => readFile(join(folder, name), 'utf8')),
  );
  return { token: (token ?? '').trim(), ca: ca ?? '' };
}
