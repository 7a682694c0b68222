import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { leftovers } from '../demo/leftovers.ts';
import { Page } from '../demo/page.ts';

const DEMO = join(import.meta.dirname, '../demo/demo.ts');
/** A demo takes a few seconds, and a minute where all of the machine's disks are busy with others. */

let folder: string;
const running: Running[] = [];
beforeEach(async () => {
  folder = await mkdtemp('/var/tmp/isc-demo-test-');
});
afterEach(async () => {
  for (const demo of running.splice(0)) {
    if (isRunning(demo)) demo.child.kill('SIGINT');
    await endOf(demo);
  }
  await rm(folder, { recursive: true, force: true });
});

type Running = { readonly child: ChildProcess; readonly output: () => string };

function start(env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, [DEMO], {
    env: { ...process.env, ...env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
  const demo = { child, output: () => text };
  running.push(demo);
  return demo;
}

function isRunning({ child }: Running): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function endOf(demo: Running): Promise<{ code: number | null; output: string }> {
  const { child, output } = demo;
  if (isRunning(demo)) await once(child, 'close');
  return { code: child.exitCode, output: output() };
}

async function untilSaid({ child, output }: Running, text: string | RegExp): Promise<void> {
  while (output().match(text) === null) {
    if (child.exitCode !== null) throw new Error(`the demo ended before it said ${text}:\n${output()}`);
    await sleep(5);
  }
}

/** What a demo left in its temporary folder or hanging on it; the folder itself is the test's. */
async function left(): Promise<readonly string[]> {
  const standing = await leftovers(folder);
  return [...standing.filter((what) => what !== `folder ${folder}`), ...(await readdir(folder))];
}

const STEPS = [
  ...['disks', 'verdicts', 'why', 'take', 'create', 'stage', 'publish', 'write', 'stats', 'kill -9', 'start'],
  ...['read', 'expand', 'unpublish', 'unstage', 'delete', 'sanitize', 'capacity', 'foreign'],
];

describe('the demo', () => {
  it('plays every step, says how long each took, and leaves nothing behind', async () => {
    const { code, output } = await endOf(start());
    const steps = [...output.matchAll(/^ ?(\d+) {2}(\S+(?: \S+)?) {2,}.* [\d.]+ m?s$/gm)];
    expect({ code, steps: steps.map(([, , name]) => name) }).toEqual({ code: 0, steps: STEPS });
    expect(output).toMatch(/ 33 % .*\n.* 66 % .*\n.*100 %/);
    expect(output).toMatch(/left behind {2}nothing/);
    expect(output).not.toContain('\u001b');
    expect(await left()).toEqual([]);
  });

  it.each([
    ['its disks are being made', /All of it happens in/],
    ['the driver is being started', / {2}why /],
    ['the volume is mounted', / {2}publish /],
  ])('leaves nothing behind when it gets SIGINT while %s', async (_, said) => {
    const demo = start();
    await untilSaid(demo, said);
    demo.child.kill('SIGINT');
    const { code, output } = await endOf(demo);
    expect({ code, last: output.trimEnd().split('\n').at(-1) }).toEqual({
      code: 130,
      last: 'demo: interrupted; nothing is left behind',
    });
    expect(await left()).toEqual([]);
  });

  it('ends with 1, names the step and cleans up when mkfs.xfs fails', async () => {
    const bin = join(folder, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'mkfs.xfs'), '#!/bin/sh\necho "no xfs today" >&2\nexit 1\n');
    await chmod(join(bin, 'mkfs.xfs'), 0o755);
    const demo = start({ PATH: `${bin}:${process.env.PATH}` });
    await untilSaid(demo, / {2}create /);
    const here = (await left()).join('\n');
    for (const what of [/^loop device /m, /^process \d+: .*instance-store-csi/m, /^isc-lab-/m])
      expect(here).toMatch(what);
    const { code, output } = await endOf(demo);
    expect(code).toBe(1);
    expect(output).toMatch(/^demo: step "stage": .*no xfs today/m);
    expect(await left()).toEqual(['bin']);
  });

  it('refuses at once without root', async () => {
    const child = spawn('setpriv', ['--reuid=65534', '--clear-groups', process.execPath, DEMO]);
    let said = '';
    child.stderr.on('data', (chunk) => (said += String(chunk)));
    const [code] = await once(child, 'close');
    expect({ code, said }).toEqual({
      code: 1,
      said: 'demo: root is needed, to attach loop disks and mount: sudo make demo\n',
    });
  });
});

describe('the page', () => {
  const shown = (isTTY: boolean, env: Record<string, string>): string => {
    let text = '';
    const page = new Page({ isTTY, write: (more) => (text += more) }, env);
    page.step('stage', { asked: 'what', happened: ['a fact'], tookMs: 12 });
    return text;
  };

  it('is coloured on a terminal only, and never with NO_COLOR', () => {
    expect(shown(true, {})).toContain('\u001b[');
    expect(shown(false, {})).not.toContain('\u001b');
    expect(shown(true, { NO_COLOR: '1' })).not.toContain('\u001b');
  });
});
