import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { built, compile } from './go.ts';
import { ROOT } from './place.ts';

/** The module that pins Kubernetes and everything in it. */
const MODULE = join(ROOT, 'test/cluster/kubernetes');

/** What is built of the module: the package, whether it is its tests, and for how long. */
const PARTS = {
  kubernetes: { package: '.', minutes: 7 },
  'e2e.test': { package: 'k8s.io/kubernetes/test/e2e', tests: true, minutes: 4 },
  agnhost: { package: 'k8s.io/kubernetes/test/images/agnhost', minutes: 1 },
} as const;

/**
 * The path of a binary: `kubernetes` is etcd, the control plane, the kubelet and kubectl in one; `e2e.test` is
 * Kubernetes' own tests, and `agnhost` is the program of the image that they run.
 */
export async function kubernetesBinary(part: keyof typeof PARTS): Promise<string> {
  const { minutes, ...what } = PARTS[part];
  const version = await kubernetesVersion();
  return built({
    keptAs: `${part}-${version}-${await pins()}`,
    minutes,
    make: async (output) => compile(output, { folder: MODULE, values: versionIn(version), ...what }),
  });
}

/** As the module pins it. */
export async function kubernetesVersion(): Promise<string> {
  const goMod = await readFile(join(MODULE, 'go.mod'), 'utf8');
  const version = /^\tk8s\.io\/kubernetes (v\S+)$/m.exec(goMod)?.[1];
  if (version === undefined) throw new Error(`${MODULE}/go.mod does not require k8s.io/kubernetes`);
  return version;
}

async function pins(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(await readFile(join(MODULE, file)));
  return hash.digest('hex').slice(0, 16);
}

/** The API server refuses its own feature gates when it does not know which version it is. */
function versionIn(version: string): Readonly<Record<string, string>> {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  const values = {
    gitVersion: version,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: 'clean',
    gitCommit: 'module',
    buildDate: '1970-01-01T00:00:00Z',
  };
  const prefixed = Object.entries(values).map(([name, value]) => [
    `k8s.io/component-base/version.${name}`,
    value,
  ]);
  return Object.fromEntries(prefixed) as Readonly<Record<string, string>>;
}
