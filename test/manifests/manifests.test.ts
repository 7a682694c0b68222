import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readConfiguration } from '../../src/cli/configuration.ts';
import { parseControllerInvocation } from '../../src/cli/controller-options.ts';
import { parseInvocation } from '../../src/cli/options.ts';
import {
  buildTool,
  CHART,
  kustomized,
  type Manifest,
  manifestsOf,
  normalised,
  ROOT,
  templated,
} from './render.ts';

/** Building helm with nothing in Go's cache. */
const BUILD_TIMEOUT_MS = 20 * 60_000;

const OVERLAYS = ['default', 'eks', 'bare-metal', 'dev'] as const;

const textOf = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

let helm: string;
let kustomize: string;
const overlays = new Map<string, readonly Manifest[]>();

beforeAll(async () => {
  kustomize = await buildTool('kustomize');
  helm = await buildTool('helm');
  for (const overlay of OVERLAYS) {
    overlays.set(overlay, await kustomized(kustomize, `deploy/kubernetes/overlays/${overlay}`));
  }
}, BUILD_TIMEOUT_MS);

const all = (): readonly Manifest[] => [...overlays.values()].flat();

function ofKind(kind: string, manifests = all()): readonly Manifest[] {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  expect(found).not.toEqual([]);
  return found;
}

const workloads = (): readonly Manifest[] => [...ofKind('DaemonSet'), ...ofKind('Deployment')];

/** A container of a DaemonSet or a Deployment. */
function container(workload: Manifest, name: string) {
  const containers = workload.spec.template.spec.containers as readonly { readonly name: string }[];
  const found = containers.find((each) => each.name === name);
  if (found === undefined) throw new Error(`${workload.metadata.name} has no container ${name}`);
  return found as {
    name: string;
    image: string;
    command?: string[];
    args: string[];
    env: { name: string; value?: string }[];
  };
}

describe('the chart', () => {
  it.each(OVERLAYS)('renders what the overlay %s renders', async (overlay) => {
    const values = overlay === 'default' ? [] : ['--values', join(CHART, `values-${overlay}.yaml`)];
    expect(normalised(await templated(helm, ...values))).toEqual(normalised(overlays.get(overlay) ?? []));
  });

  it('renders the PodMonitor that the component adds to an overlay', async () => {
    const rendered = await templated(helm, '--set', 'podMonitor.enabled=true');
    const component = await textOf('deploy/kubernetes/components/pod-monitor/pod-monitor.yaml');
    expect(ofKind('PodMonitor', rendered)).toEqual(manifestsOf(component));
  });

  it('follows the kubelet to another folder, in every place', async () => {
    const rendered = JSON.stringify(await templated(helm, '--set', 'kubeletDir=/var/lib/k0s/kubelet'));
    expect(rendered).not.toContain('/var/lib/kubelet');
    expect(rendered).toContain('/var/lib/k0s/kubelet/plugins/instance-store.csi.dev/csi.sock');
  });

  it("hands a group's policy for orphans to the driver", async () => {
    const group = { orphans: 'delete', pools: [{ name: 'fast', disks: {} }] };
    const rendered = await templated(helm, '--set-json', `nodeGroups=${JSON.stringify([group])}`);
    const [{ data } = { data: {} }] = ofKind('ConfigMap', rendered);
    expect(parse(data['config.yaml'])).toMatchObject(group);
  });

  it.each([
    ['an unknown value', ['--set', 'kubeletdir=/x'], 'kubeletdir'],
    ['a relative folder of the kubelet', ['--set', 'kubeletDir=var/lib/kubelet'], 'kubeletDir'],
    ['a group without pools', ['--set-json', 'nodeGroups=[{"name":"a"}]'], 'pools'],
    ['no group at all', ['--set-json', 'nodeGroups=[]'], 'nodeGroups'],
    [
      'several groups of which one has no name',
      [
        '--set-json',
        'nodeGroups=[{"name":"a","pools":[{"name":"a","disks":{}}]},{"pools":[{"name":"b","disks":{}}]}]',
      ],
      'each needs a name',
    ],
  ])('refuses %s', async (_, options, words) => {
    await expect(templated(helm, ...options)).rejects.toThrow(words);
  });
});

describe('every overlay', () => {
  it('configures pools that the driver takes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'configuration-'));
    try {
      for (const { data } of ofKind('ConfigMap')) {
        const file = join(folder, 'config.yaml');
        await writeFile(file, data['config.yaml']);
        expect((await readConfiguration(file)).pools).not.toEqual([]);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('sends its pods to nodes with Linux, those that tolerate everything, too', () => {
    for (const { spec } of workloads())
      expect(spec.template.spec.nodeSelector).toMatchObject({ 'kubernetes.io/os': 'linux' });
  });

  it('asks for what every container takes, and bounds its memory', () => {
    const containers = workloads().flatMap(({ spec }) => spec.template.spec.containers as readonly object[]);
    const resources = {
      requests: { cpu: expect.any(String), memory: expect.any(String) },
      limits: { memory: expect.any(String) },
    };
    for (const each of containers) expect(each).toMatchObject({ resources });
  });

  it('starts the driver with options that it knows', () => {
    for (const daemonSet of ofKind('DaemonSet')) {
      const argv = container(daemonSet, 'instance-store-csi').args.map((arg) =>
        arg.replace('$(NODE_NAME)', 'node-a').replace('$(POD_IP)', '192.0.2.1'),
      );
      expect(parseInvocation(argv, {})).toMatchObject({ is: 'run', command: 'node' });
    }
  });

  it('starts the controller with options that it knows', () => {
    for (const deployment of ofKind('Deployment')) {
      const { args, env } = container(deployment, 'instance-store-csi');
      const argv = args.map((arg) => arg.replace('$(POD_IP)', '192.0.2.1'));
      const given = Object.fromEntries(env.map(({ name, value }) => [name, value ?? `the ${name}`]));
      expect(parseControllerInvocation(argv, given)).toMatchObject({
        is: 'run',
        options: { podName: 'the POD_NAME', namespace: 'the POD_NAMESPACE' },
      });
    }
  });

  it('starts both processes as bin/ does, and so does the image', async () => {
    const launcher = await textOf('bin/instance-store-csi');
    const settings = launcher.slice(launcher.indexOf('exec "$node"')).match(/--[a-z][^\s"]*/g) ?? [];
    const heaps = [...launcher.matchAll(/heap=(\d+)/g)].map(([, heap]) => heap);
    const commands = heaps.map((heap) => [
      'node',
      ...settings.map((each) => each.replace('$heap', `${heap}`)),
    ]);
    const entrypoints = (await textOf('Dockerfile')).match(/(?<=^ENTRYPOINT ).*$/gm) ?? [];
    expect(entrypoints.map((json) => JSON.parse(json))).toEqual(
      ['driver', 'debug'].map(() => [...(commands[0] ?? []), '/app/instance-store-csi.mjs']),
    );
    for (const deployment of ofKind('Deployment')) {
      expect(container(deployment, 'instance-store-csi').command).toEqual([
        ...(commands[1] ?? []),
        '/app/controller.mjs',
      ]);
    }
  });

  it('runs the sidecars in the versions of sidecars/kustomization.yaml', async () => {
    const { images } = parse(await textOf('sidecars/kustomization.yaml')) as {
      readonly images: readonly { readonly name: string; readonly newTag: string }[];
    };
    const pinned = images.map(({ name, newTag }) => `${name}:${newTag}`).sort();
    const used = workloads()
      .flatMap((workload) => workload.spec.template.spec.containers as readonly { readonly image: string }[])
      .map(({ image }) => image)
      .filter((image) => image.includes('sig-storage/'));
    expect([...new Set(used)].sort()).toEqual(pinned);
  });

  it('runs the driver in the version of package.json, which is that of the chart', async () => {
    const { version } = JSON.parse(await textOf('package.json')) as { readonly version: string };
    const [daemonSet] = ofKind('DaemonSet', overlays.get('default'));
    expect(container(daemonSet as Manifest, 'instance-store-csi').image).toBe(
      `instance-store-csi:${version}`,
    );
    expect(parse(await textOf('deploy/charts/instance-store-csi/Chart.yaml'))).toMatchObject({
      version,
      appVersion: version,
    });
  });
});
