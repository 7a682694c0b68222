import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type CsiClient, call, connect } from '../player/client.ts';
import { launcher } from '../player/driver.ts';
import { runCli } from './driver/node.ts';

/** A bound for a machine under load, not a measure. */
const TIMEOUT_MS = 120_000;
jest.setTimeout(TIMEOUT_MS);

const BUNDLES = join(import.meta.dirname, '../../dist');
/** As esbuild writes it above each file that it takes in. */
const CLIENT = '// node_modules/@kubernetes/client-node/';

describe('the bundles', () => {
  it.each([
    ['instance-store-csi', false],
    ['probe', false],
    ['controller', true],
  ])('%s.mjs has the Kubernetes client in it: %j', async (bundle, has) => {
    expect((await readFile(join(BUNDLES, `${bundle}.mjs`), 'utf8')).includes(CLIENT)).toBe(has);
  });
});

describe('instance-store-csi controller, on its command line', () => {
  const replica = ['--pod-name', 'pod-a', '--namespace', 'ns'];

  it('explains its options, each with its variable', async () => {
    const { code, stdout } = await runCli(['controller', '--help']);
    expect(code).toBe(0);
    for (const option of ['endpoint', 'pod-name', 'namespace', 'kubeconfig', 'log-level']) {
      expect(stdout).toContain(`--${option} `);
      expect(stdout).toContain(`INSTANCE_STORE_CSI_${option.toUpperCase().replace('-', '_')}`);
    }
  });

  it.each<readonly [readonly string[], string]>([
    [[], '--pod-name is missing; give it, or set POD_NAME'],
    [['--pod-name', 'pod-a'], '--namespace is missing; give it, or set POD_NAMESPACE'],
    [[...replica, '--log-level', 'loud'], '--log-level is "loud"'],
    [[...replica, '--node-name', 'a'], "Unknown option '--node-name'"],
    [[...replica, 'extra'], 'controller: unexpected argument "extra"'],
    [replica, 'This is no pod of a cluster: name one with --kubeconfig'],
  ])('refuses %j, naming what is wrong', async (argv, words) => {
    const unset = { POD_NAME: '', POD_NAMESPACE: '', KUBECONFIG: '' };
    const { code, stdout, stderr } = await runCli(['controller', ...argv], unset);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(words);
  });
});

describe('instance-store-csi controller, with an API server that does not answer', () => {
  let folder: string;
  let controller: ChildProcess;
  let client: CsiClient;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'controller-'));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, kubeconfigOf(await unusedPort()));
    const endpoint = `unix://${join(folder, 'csi.sock')}`;
    const argv = ['--endpoint', endpoint, '--kubeconfig', kubeconfig, '--pod-name', 'a', '--namespace', 'ns'];
    controller = spawn('setpriv', ['--pdeathsig', 'KILL', '--', launcher(), 'controller', ...argv], {
      stdio: 'ignore',
    });
    client = connect(endpoint);
    await untilProbed(client);
  });

  afterAll(async () => {
    client.close();
    controller.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });

  it('tells external-resizer that volumes grow on their nodes', async () => {
    const { identity, controller: face, node } = client;
    const info = await call(identity, identity.GetPluginInfo, {});
    const plugin = await call(identity, identity.GetPluginCapabilities, {});
    const central = await call(face, face.ControllerGetCapabilities, {});
    const onNodes = await call(node, node.NodeGetCapabilities, {});
    expect(info.name).toBe('instance-store.csi.dev');
    expect(plugin.capabilities.map(({ service }) => service?.type)).toContain('CONTROLLER_SERVICE');
    expect(central.capabilities).toEqual([]);
    expect(onNodes.capabilities.map(({ rpc }) => rpc?.type)).toEqual(['EXPAND_VOLUME']);
  });

  it('makes no volumes', async () => {
    const { controller: face } = client;
    const refusal: unknown = await call(face, face.CreateVolume, { name: 'a' }).catch((error) => error);
    expect((refusal as ServiceError).code).toBe(status.UNIMPLEMENTED);
  });

  it('ends with 0 when told to', async () => {
    controller.kill('SIGTERM');
    expect(await once(controller, 'exit')).toEqual([0, null]);
  });
});

async function untilProbed({ identity }: CsiClient): Promise<void> {
  const until = Date.now() + TIMEOUT_MS / 2;
  for (;;) {
    const answer = await call(identity, identity.Probe, {}, 2_000).catch((error: unknown) => error);
    if (!(answer instanceof Error)) return;
    if (Date.now() > until) throw answer;
    await sleep(50);
  }
}

/** A port of the loopback at which nobody listens. */
async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function kubeconfigOf(port: number): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster: { server: `https://127.0.0.1:${port}` } }],
    users: [{ name: 'lab', user: { token: 'none' } }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'lab' } }],
    'current-context': 'lab',
  });
}
