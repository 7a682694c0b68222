import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { NO_CRASHPOINTS } from '../../src/host/crashpoint.ts';
import { createExec, type ExecEvent, type HostCommand } from '../../src/host/exec.ts';
import { acquireLock } from '../../src/host/lock.ts';
import { run } from './lab/tool.ts';
import { Lab } from './lab.ts';

const shell = (script: string, more: Partial<HostCommand> = {}): HostCommand => ({
  command: 'sh',
  args: ['-c', script],
  timeoutMs: 5000,
  ...more,
});

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

function recorder() {
  const events: ExecEvent[] = [];
  const exec = createExec({ crashpoints: NO_CRASHPOINTS, listener: (event) => events.push(event) });
  return { events, exec };
}

async function elapsedMs(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return performance.now() - startedAtMs;
}

/** Keeps the event loop busy, as a machine under load does. */
function spinMs(durationMs: number): void {
  const startedAtMs = performance.now();
  while (performance.now() - startedAtMs < durationMs);
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Ends when it is so; the test's own limit is the bound. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(10);
}

describe('createExec()', () => {
  const { exec, events } = recorder();

  it('gives stdout as bytes, stderr as text, in the C locale, from a child without stdin', async () => {
    const result = await exec(shell('cat; printf "\\377%s" "$LC_ALL"; echo oh >&2'));
    expect(result).toMatchObject({ code: 0, stdout: Buffer.from([255, 67]), stderr: 'oh\n' });
    expect(events.at(-1)).toMatchObject({
      command: 'sh',
      device: undefined,
      ending: { is: 'exit', code: 0 },
    });
  });

  it('feeds the input, and does not mind a child that leaves it', async () => {
    const input = new Uint8Array(1_000_000).fill(120);
    const counted = await exec({ command: 'wc', args: ['-c'], input, timeoutMs: 5000 });
    expect(text(counted.stdout)).toBe('1000000\n');
    expect((await exec({ command: 'true', args: [], input, timeoutMs: 5000 })).code).toBe(0);
  });

  it.each([
    ['does not say that it has begun', 'exec sleep 60'],
    ['does not end when it is to', 'echo begun; exec sleep 60'],
  ])('ends a command that keeps something when it %s', async (_what, script) => {
    const keep = { until: Promise.resolve(), onOutput: () => undefined };
    await expect(exec(shell(script, { keep, timeoutMs: 300 }))).rejects.toMatchObject({
      kind: 'unknown',
      message: expect.stringMatching(/did not return within 0.3 s/),
    });
  });

  it('lets a command that keeps something take as long as it is wanted', async () => {
    const { promise: until, resolve: letGo } = Promise.withResolvers<void>();
    const { promise: begun, resolve: onOutput } = Promise.withResolvers<void>();
    const kept = exec(shell('echo begun; exec cat', { keep: { until, onOutput }, timeoutMs: 1000 }));
    await begun;
    await sleep(1500);
    letGo();
    expect((await kept).code).toBe(0);
  });

  it('takes the exit codes it was told for good ones', async () => {
    expect((await exec(shell('exit 3', { okCodes: [0, 3] }))).code).toBe(3);
  });

  it.each([
    ['exit 1', 'host-failed', 'sh /dev/loop7p2 failed: exit code 1'],
    [
      'echo "no\tway" >&2; printf "\\033[31m!" >&2; exit 1',
      'host-failed',
      'sh /dev/loop7p2 failed: exit code 1: no way [31m!',
    ],
    ['kill -9 $$', 'host-failed', 'sh /dev/loop7p2 failed: ended by SIGKILL'],
    ['yes', 'host-failed', expect.stringMatching(/^sh \/dev\/loop7p2 failed: wrote more than 1048576 bytes/)],
  ])('says how %j ended, as an error without an integer code', async (script, kind, message) => {
    const error = await exec(shell(script, { device: '/dev/loop7p2' })).catch((error: unknown) => error);
    expect(error).toMatchObject({ name: 'DriverError', kind, message });
    expect(error).not.toHaveProperty('code');
  });

  it('shortens what a command complains about', async () => {
    await expect(exec(shell('yes no | head -c 5000 >&2; exit 1'))).rejects.toMatchObject({
      message: expect.stringMatching(/^.{300,350}$/),
    });
  });

  it('names the package of a command that is missing', async () => {
    const message = expect.stringMatching(
      /^nosuch failed: nosuch is not installed \(Debian package util-linux\)/,
    );
    await expect(exec({ command: 'nosuch', args: [], timeoutMs: 5000 })).rejects.toMatchObject({ message });
  });

  it('ends a command whose time is up, and the children of it', async () => {
    const tookMs = await elapsedMs(() =>
      expect(exec(shell('sleep 60 | sleep 60', { timeoutMs: 200 }))).rejects.toMatchObject({
        kind: 'unknown',
        message: 'sh did not return within 0.2 s and was killed',
      }),
    );
    expect(tookMs).toBeLessThan(1000);
  });

  it('ends one that ignores SIGTERM', async () => {
    const tookMs = await elapsedMs(() =>
      expect(exec(shell('trap "" TERM; sleep 60; sleep 60', { timeoutMs: 100 }))).rejects.toThrow(
        'was killed',
      ),
    );
    expect(tookMs).toBeLessThan(2500);
  });

  it('gives all that a command wrote before it ended, however slowly this process comes to read it', async () => {
    const lengths = Array.from({ length: 12 }, async () => {
      const { stdout } = await exec({
        command: 'head',
        args: ['-c', '900000', '/dev/zero'],
        timeoutMs: 60_000,
      });
      spinMs(300);
      return stdout.length;
    });
    expect(new Set(await Promise.all(lengths))).toEqual(new Set([900_000]));
  });

  it('does not wait for a grandchild that holds stdout, not even one in another session', async () => {
    const tookMs = await elapsedMs(async () => {
      expect(text((await exec(shell('setsid sleep 3 & echo done'))).stdout)).toBe('done\n');
    });
    expect(tookMs).toBeLessThan(1500);
  });
});

describe('a device that does not answer', () => {
  it('is given up on, refused while the child hangs, and served again when the child has ended', async () => {
    await using lab = await Lab.create();
    const device = await lab.attach(await lab.image('disk.img', 16n * 1024n ** 2n));
    await run('mkfs.ext4', ['-F', '-q', device]);
    await run('mkdir', [lab.path('mnt')]);
    await run('mount', [device, lab.path('mnt')]);
    // A write to a frozen filesystem sleeps where no signal reaches it, as one to a dead disk does.
    await run('fsfreeze', ['--freeze', lab.path('mnt')]);
    const { events, exec } = recorder();
    const touch = { command: 'touch', args: [lab.path('mnt/file')], timeoutMs: 200, device };
    try {
      await expect(exec(touch)).rejects.toMatchObject({ kind: 'unknown', reason: 'DeviceNotAnswering' });
      expect(events.at(-1)?.ending).toEqual({ is: 'hung' });
      await expect(exec({ ...touch, command: 'true' })).rejects.toMatchObject({
        kind: 'inaccessible',
        reason: 'DeviceNotAnswering',
        message: `${device} does not answer: touch on it never returned`,
      });
      await exec(shell('true', { device: '/dev/loop7777' }));
    } finally {
      await run('fsfreeze', ['--unfreeze', lab.path('mnt')]);
    }
    await until(() =>
      exec({ ...touch, command: 'true' }).then(
        () => true,
        () => false,
      ),
    );
  });
});

describe('acquireLock()', () => {
  it('is taken while another descriptor holds it', async () => {
    await using lab = await Lab.create();
    expect(await acquireLock(lab.path('lock'))).toMatchObject({ is: 'held' });
    expect(await acquireLock(lab.path('lock'))).toEqual({ is: 'taken' });
  });

  it('says why the file cannot be opened', async () => {
    await expect(acquireLock('/nosuch/lock')).rejects.toMatchObject({ kind: 'host-failed' });
  });
});

/** A process that holds the lock and runs one command for a minute, killed once the command's child runs. */
async function killWhileRunning(lab: Lab, script: string): Promise<number> {
  const source = (name: string) => JSON.stringify(new URL(`../../src/host/${name}.ts`, import.meta.url));
  await writeFile(
    lab.path('owner.ts'),
    `import { createExec } from ${source('exec')};
     import { NO_CRASHPOINTS } from ${source('crashpoint')};
     import { acquireLock } from ${source('lock')};
     const lock = await acquireLock(${JSON.stringify(lab.path('lock'))});
     if (lock.is !== 'held') throw new Error('taken');
     const exec = createExec({ lockFd: lock.fd, crashpoints: NO_CRASHPOINTS });
     await exec({ command: 'sh', args: ['-c', ${JSON.stringify(script)}], timeoutMs: 60_000 });`,
  );
  const owner = spawn(process.execPath, [lab.path('owner.ts')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const pidIn = async () => Number(await readFile(lab.path('pid'), 'utf8').catch(() => '0'));
  await until(async () => (await pidIn()) > 0);
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  return pidIn();
}

describe('when the process is killed', () => {
  it('no child outlives it', async () => {
    await using lab = await Lab.create();
    const pid = await killWhileRunning(lab, `echo $$ > ${lab.path('pid')}; exec sleep 60`);
    await until(() => !isAlive(pid));
    expect(await acquireLock(lab.path('lock'))).toMatchObject({ is: 'held' });
  });

  it('a descendant that lives on holds the lock until it ends', async () => {
    await using lab = await Lab.create();
    const pid = await killWhileRunning(lab, `setsid sleep 60 & echo $! > ${lab.path('pid')}; wait`);
    expect(await acquireLock(lab.path('lock'))).toEqual({ is: 'taken' });
    process.kill(pid, 'SIGKILL');
    await until(() => !isAlive(pid));
    await until(async () => (await acquireLock(lab.path('lock'))).is === 'held');
  });
});
