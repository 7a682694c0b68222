import { readFile } from 'node:fs/promises';
import { AUDIT_LOG } from '../lab/place.ts';

/** A request of one of the driver's service accounts, as the API server notes it. A watch is noted at both its ends. */
export type Request = {
  readonly auditID: string;
  readonly verb: string;
  readonly user: {
    readonly username: string;
    readonly extra?: { readonly 'authentication.kubernetes.io/pod-name'?: readonly string[] };
  };
  readonly userAgent: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
  };
  readonly responseStatus?: { readonly code: number };
  readonly requestReceivedTimestamp: string;
};

/** All since the cluster is up, in the order in which they were noted. */
export async function readAudit(): Promise<readonly Request[]> {
  return (await readFile(AUDIT_LOG, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Request);
}
