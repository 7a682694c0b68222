import { get } from '../lab/kubectl.ts';
import { type Request, readAudit } from './audit.ts';
import { DRIVER_NAMESPACE } from './driver.ts';

/** `VERB RESOURCE.GROUP`, as in `list csinodes.storage.k8s.io` and `patch persistentvolumeclaims/status`. */
type Right = string;

export type Account = 'instance-store-csi-node' | 'instance-store-csi-controller';

type Role = {
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
};

/** What the account's ClusterRole and Role allow; both bear its name. */
export async function granted(account: Account): Promise<ReadonlySet<Right>> {
  const roles = await Promise.all([
    get<Role>('clusterrole', account),
    get<Role>('role', account, `--namespace=${DRIVER_NAMESPACE}`),
  ]);
  const rights = roles
    .flatMap(({ rules }) => rules)
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => rightOf(verb, resource, group))),
      ),
    );
  return new Set(rights);
}

/** What the account asked for since the cluster is up, and what of it was forbidden. */
export async function asked(
  account: Account,
): Promise<{ used: ReadonlySet<Right>; forbidden: ReadonlySet<Right> }> {
  const username = `system:serviceaccount:${DRIVER_NAMESPACE}:${account}`;
  const requests = (await readAudit()).filter(
    ({ user, objectRef }) => user.username === username && objectRef !== undefined,
  );
  const rightsOf = (some: readonly Request[]): ReadonlySet<Right> =>
    new Set(
      some.map(({ verb, objectRef }) => {
        const { resource = '', subresource, apiGroup = '' } = objectRef ?? {};
        return rightOf(verb, subresource === undefined ? resource : `${resource}/${subresource}`, apiGroup);
      }),
    );
  const used = rightsOf(requests.filter(({ responseStatus }) => responseStatus?.code !== 403));
  const refused = rightsOf(requests.filter(({ responseStatus }) => responseStatus?.code === 403));
  // An API server that has just started refuses for a moment what it allows afterwards.
  return { used, forbidden: new Set([...refused].filter((right) => !used.has(right))) };
}

const rightOf = (verb: string, resource: string, group: string): Right =>
  `${verb} ${resource}${group === '' ? '' : `.${group}`}`;
