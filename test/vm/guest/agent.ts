/**
 * Does in the guest what the host asks for over a virtio port: runs programs, calls functions of modules. Ends when it
 * is told to, and the machine with it.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createReadStream, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  decode,
  type Exit,
  encode,
  type Reply,
  type Request,
  type Returned,
  type Threw,
  threw,
} from '../lab/messages.ts';
import { untilThere } from './disks.ts';
import type { Call } from './serve.ts';
import { showAsNvme } from './targets.ts';
import { runTool } from './tool.ts';

const port = openSync(agentPort(), 'r+');

function agentPort(): string {
  const ports = '/sys/class/virtio-ports';
  const isOurs = (name: string): boolean =>
    readFileSync(join(ports, name, 'name'), 'utf8').trim() === 'agent';
  const name = readdirSync(ports).find(isOurs);
  if (name === undefined) throw new Error('found no virtio port of the name agent');
  return join('/dev', name);
}

/** The kernel takes as much at a time as it likes. */
function say(reply: Reply): void {
  const bytes = Buffer.from(encode(reply));
  for (let at = 0; at < bytes.length; ) at += writeSync(port, bytes, at);
}

/** What a request returns. A module answers its calls itself. */
async function fulfil(request: Exclude<Request, { readonly is: 'call' }>): Promise<unknown> {
  switch (request.is) {
    case 'begin': {
      await showAsNvme(request.disks);
      const devices = await untilThere(request.disks);
      await runTool('udevadm', ['settle']);
      return devices;
    }
    case 'run':
      return run(request.id, request.argv);
    case 'end':
      return undefined;
  }
}

function run(id: number, [file, ...args]: readonly [string, ...string[]]): Promise<Exit> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  passOn(child, id);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

function passOn({ stdout, stderr }: ChildProcess, id?: number): void {
  const from = id === undefined ? {} : { id };
  for (const stream of [stdout, stderr] as (Readable | null)[])
    stream?.setEncoding('utf8').on('data', (text: string) => say({ is: 'output', text, ...from }));
}

type Module = { readonly child: ChildProcess; readonly pending: Set<number> };

const modules = new Map<string, Module>();

function call({ id, module, name, args }: Extract<Request, { readonly is: 'call' }>): void {
  const { child, pending } = modules.get(module) ?? load(module);
  pending.add(id);
  child.send({ id, name, args } satisfies Call);
}

function load(path: string): Module {
  const child = fork(path, { serialization: 'advanced', stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const pending = new Set<number>();
  passOn(child);
  child.on('message', (reply: Returned | Threw) => {
    pending.delete(reply.id);
    say(reply);
  });
  child.once('exit', (code, signal) => {
    modules.delete(path);
    for (const id of pending) say(threw(id, `${path} ended (${signal ?? code}) before it answered`));
  });
  const module = { child, pending };
  modules.set(path, module);
  return module;
}

async function answer(request: Request): Promise<void> {
  if (request.is === 'call') return call(request);
  try {
    say({ is: 'returned', id: request.id, value: await fulfil(request) });
  } catch (error) {
    say(threw(request.id, error));
  }
  // Node does not exit while one of its threads waits for what the host says next.
  if (request.is === 'end') process.kill(process.pid, 'SIGKILL');
}

for await (const request of decode<Request>(createReadStream('', { fd: port }))) void answer(request);
