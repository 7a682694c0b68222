import { spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clearStaleSocket } from '../../src/csi/socket.ts';
import { DriverError } from '../../src/model/errors.ts';
import { Identity, Node, withFace } from './csi-face/face.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync('/tmp/csi-socket-');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process that listens at `path` and is killed there and then, as a driver may be. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)})`;
  const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
  while (!existsSync(path)) await sleep(10);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

describe('the socket', () => {
  it('is for its owner alone, and gone when the driver has stopped', async () => {
    let path = '';
    const umask = process.umask();
    await withFace({}, async (face) => {
      path = face.path;
      const stat = lstatSync(path);
      expect(stat.isSocket()).toBe(true);
      expect(stat.mode & 0o777).toBe(0o700);
      expect(process.umask()).toBe(umask);
      face.disconnect();
      await face.stop();
      expect(existsSync(path)).toBe(false);
    });
  });

  it('of a driver that was killed makes room for the next', async () => {
    const path = join(folder, 'csi.sock');
    await leaveStaleSocket(path);
    await withFace({ endpoint: `unix://${path}` }, async () => {
      expect(lstatSync(path).isSocket()).toBe(true);
    });
  });

  it('of a driver that works is left alone, and says so', () =>
    withFace({}, async (face) => {
      const second = withFace({ endpoint: `unix://${face.path}` }, async () => undefined);
      await expect(second).rejects.toThrow(/^endpoint: found a live socket at .*another driver/);
      await expect(second).rejects.toMatchObject({ kind: 'in-use' });
      expect(await face.ask(Identity.Probe, {})).toEqual({ ready: { value: true } });
    }));

  it('never takes the place of a file or a symlink', async () => {
    const [file, link] = [join(folder, 'file'), join(folder, 'link')];
    writeFileSync(file, 'precious');
    symlinkSync(file, link);
    for (const path of [file, link]) {
      await expect(clearStaleSocket(path)).rejects.toThrow(/no socket, want a free path/);
    }
    expect(readFileSync(link, 'utf8')).toBe('precious');
  });

  it('in a folder that is not there is an error in words', async () => {
    const endpoint = `unix://${folder}/absent/csi.sock`;
    const failed = withFace({ endpoint }, async () => undefined);
    await expect(failed).rejects.toThrow(DriverError);
    await expect(failed).rejects.toThrow(
      /^endpoint: cannot listen at .*absent\/csi.sock: does its folder exist\?/,
    );
  });

  it(
    'closes in bounded time though a call never ends',
    () =>
      withFace({ instead: { unpublish: () => new Promise(() => undefined) } }, async (face) => {
        const request = { volume_id: 'v', target_path: '/t' };
        // Node's http2 client does not notice the end of the socket while a call is open (grpc-js 1.14.7).
        const deadline = Date.now() + 9_000;
        const pending = face.refused(Node.NodeUnpublishVolume, request, { deadline });
        await sleep(100);
        const startedAtMs = Date.now();
        await face.stop();
        expect(Date.now() - startedAtMs).toBeLessThan(6_500);
        expect(existsSync(face.path)).toBe(false);
        expect((await pending).code).not.toBe('OK');
      }),
    15_000,
  );
});
