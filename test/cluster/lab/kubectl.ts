import { join } from 'node:path';
import { CONTROL_PLANE, pidOf } from './machine.ts';
import { BIN, KUBECONFIG } from './place.ts';
import { run } from './tool.ts';

/** Runs kubectl as the cluster's administrator and returns its standard output. */
export async function kubectl(...args: readonly string[]): Promise<string> {
  return kubectlWith('', args);
}

/** Applies objects, or documents of YAML. */
export async function apply(manifest: object | string): Promise<void> {
  const input = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
  await kubectlWith(input, ['apply', '-f', '-']);
}

/** An object, or the list of what a selector finds. */
export async function get<T>(...args: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl('get', '--output=json', ...args)) as T;
}

/** The command line of kubectl, in the cluster's network. */
export async function kubectlCommand(...args: readonly string[]): Promise<readonly [string, ...string[]]> {
  const pid = await pidOf(CONTROL_PLANE);
  if (pid === undefined) throw new Error('No cluster is up: make cluster');
  const kubectl = [join(BIN, 'kubectl'), `--kubeconfig=${KUBECONFIG}`, ...args];
  return ['nsenter', `--target=${pid}`, '--net', '--', ...kubectl];
}

/** The same, with something to read. */
export async function kubectlWith(input: string, args: readonly string[]): Promise<string> {
  const [file, ...rest] = await kubectlCommand(...args);
  return run(file, rest, { stdin: 'pipe', input });
}
