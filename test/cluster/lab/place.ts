import { realpathSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../../..');

/** Everything that a cluster is made of while it is up; what stands on it is found by this path. */
export const FOLDER = join(realpathSync(tmpdir()), 'instance-store-csi-cluster');

/** What is built once and kept. */
export const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'instance-store-csi');

/** The programs of Kubernetes, by their names. */
export const BIN = join(FOLDER, 'bin');
export const KUBECONFIG = join(FOLDER, 'pki/admin.kubeconfig');
/** Every request of the driver's service accounts, a JSON line each. */
export const AUDIT_LOG = join(FOLDER, 'audit.log');

/** The service range's first address is the API server itself, so that pods find it without kube-proxy. */
export const API_ADDRESS = '10.96.0.1';
export const SERVICE_RANGE = '10.96.0.0/16';

export const nodeName = (number: number): string => `node-${number}`;
/** An address of the loopback interface in the cluster's own network namespace. */
export const nodeAddress = (number: number): string => `10.77.0.${number}`;
export const nodeFolder = (number: number): string => join(FOLDER, nodeName(number));
