/**
 * A Kubernetes of real binaries on this machine, whose nodes are namespaces and whose disks are loop devices.
 *
 *   node test/cluster/main.ts up       make it, wait until every node is Ready
 *   node test/cluster/main.ts shell    a shell in the cluster's network, with kubectl
 *   node test/cluster/main.ts down     end it and leave nothing
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dismiss } from '../host/lab/guard.ts';
import { requireRoot } from '../host/lab.ts';
import { down, isUp, tieToThisProcess, up } from './lab/cluster.ts';
import { kubectl } from './lab/kubectl.ts';
import { CONTROL_PLANE, pidOf } from './lab/machine.ts';
import { BIN, FOLDER, KUBECONFIG } from './lab/place.ts';
import { install } from './play/driver.ts';

const COMMANDS = { up: makeCluster, shell: openShell, down: endCluster };

async function makeCluster(): Promise<void> {
  if (await isUp()) {
    console.log(`A cluster is up already, in ${FOLDER}: make cluster-shell, make cluster-down`);
    return;
  }
  const startedAtMs = Date.now();
  const janitor = tieToThisProcess();
  await up();
  await install();
  await dismiss(janitor);
  console.log(await kubectl('get', 'nodes,pods', '--all-namespaces', '--output=wide'));
  console.log(
    `Ready after ${Math.round((Date.now() - startedAtMs) / 1000)} s. make cluster-shell: kubectl; make cluster-down: the end of it`,
  );
}

async function openShell(): Promise<void> {
  const pid = await pidOf(CONTROL_PLANE);
  if (pid === undefined) throw new Error('No cluster is up: make cluster');
  const shell = spawn('nsenter', [`--target=${pid}`, '--net', '--', process.env.SHELL ?? '/bin/bash'], {
    stdio: 'inherit',
    env: { ...process.env, KUBECONFIG, PATH: `${BIN}:${process.env.PATH}` },
  });
  const [code] = await once(shell, 'exit');
  process.exitCode = Number(code ?? 1);
}

async function endCluster(): Promise<void> {
  await down();
}

requireRoot();
const command = COMMANDS[process.argv[2] as keyof typeof COMMANDS];
if (command === undefined) throw new Error(`Usage: main.ts ${Object.keys(COMMANDS).join('|')}`);
await command();
