import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';

export const ROOT = join(import.meta.dirname, '../..');
export const CHART = join(ROOT, 'deploy/charts/instance-store-csi');

const NAMESPACE = 'instance-store-csi';
const OUTPUT_BYTES_MAX = 16 * 1024 ** 2;

/** An object of Kubernetes as a manifest has it; what is below is known to whoever asks for it. */
// biome-ignore lint/suspicious/noExplicitAny: a manifest is of hundreds of types, and a wrong guess fails the test
export type Manifest = { kind: string; metadata: { name: string; [key: string]: any }; [key: string]: any };

const run = promisify(execFile);

/** @returns the path of the tool that test/manifests/NAME/go.mod pins; built when it is not in the cache yet */
export async function buildTool(name: 'helm' | 'kustomize'): Promise<string> {
  const { stdout } = await run(join(ROOT, 'scripts/build-tool'), [join(import.meta.dirname, name)]);
  return stdout.trim();
}

/** The objects of a kustomization, in the folder's own path below the root of the checkout. */
export async function kustomized(kustomize: string, folder: string): Promise<readonly Manifest[]> {
  const { stdout } = await run(kustomize, ['build', join(ROOT, folder)], { maxBuffer: OUTPUT_BYTES_MAX });
  return manifestsOf(stdout);
}

/** The objects of the chart. @throws with helm's words when it refuses the values */
export async function templated(helm: string, ...options: readonly string[]): Promise<readonly Manifest[]> {
  const argv = ['template', 'instance-store-csi', CHART, '--namespace', NAMESPACE, ...options];
  const { stdout } = await run(helm, argv, { maxBuffer: OUTPUT_BYTES_MAX });
  return manifestsOf(stdout);
}

export function manifestsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

/**
 * What is left when the two ways of saying the same are taken away: kustomize gives a ConfigMap a name with a hash
 * and the chart gives its readers an annotation, both so that a new configuration starts new pods; the namespace is
 * an object here and helm's own affair there; the text of a configuration may be laid out in any way, and the order
 * of variables means nothing.
 */
export function normalised(manifests: readonly Manifest[]): Readonly<Record<string, Manifest>> {
  const kept = manifests.filter(({ kind }) => kind !== 'Namespace').map(withoutHashes);
  return Object.fromEntries(
    kept.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const),
  );
}

function withoutHashes(manifest: Manifest): Manifest {
  const text = JSON.stringify(manifest).replaceAll(/(instance-store-csi-node[a-z-]*)-[a-z0-9]{10}"/g, '$1"');
  const copy = JSON.parse(text) as Manifest;
  delete copy.spec?.template?.metadata.annotations['checksum/config'];
  for (const { env } of copy.spec?.template?.spec.containers ?? []) env?.sort(byName);
  if (copy.kind === 'ConfigMap') copy.data = { 'config.yaml': parse(copy.data['config.yaml']) };
  return copy;
}

const byName = (one: { name: string }, other: { name: string }): number => one.name.localeCompare(other.name);
