import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { crashpointsFromEnvironment, NO_CRASHPOINTS } from '../../src/host/crashpoint.ts';
import { createDurable } from '../../src/host/durable.ts';
import { makeTargetDirectory, makeTargetFile, noSymlinks, removeTarget } from '../../src/host/paths.ts';
import { run } from './lab/tool.ts';
import { Lab } from './lab.ts';

const durable = createDurable(NO_CRASHPOINTS);

describe('createDurable()', () => {
  it('writes and replaces a file, and leaves nothing beside it', async () => {
    await using lab = await Lab.create();
    await durable.write(lab.path('a.json'), 'old and longer');
    await durable.write(lab.path('a.json'), 'new');
    expect(await readFile(lab.path('a.json'), 'utf8')).toBe('new');
    expect(await readdir(lab.folder)).toEqual(['a.json']);
  });

  it('removes a file, also one that is gone', async () => {
    await using lab = await Lab.create();
    await durable.write(lab.path('a.json'), 'x');
    await durable.remove(lab.path('a.json'));
    await durable.remove(lab.path('a.json'));
    expect(await readdir(lab.folder)).toEqual([]);
  });

  it('sets a file aside', async () => {
    await using lab = await Lab.create();
    await durable.write(lab.path('a.json'), 'x');
    await durable.setAside(lab.path('a.json'));
    expect(await readdir(lab.folder)).toEqual(['a.json.broken']);
  });

  it('leaves nothing half written on a full filesystem, and the old file as it was', async () => {
    await using lab = await Lab.create();
    const folder = lab.path('small');
    await mkdir(folder);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder]);
    await durable.write(`${folder}/a.json`, 'old');
    const tooLarge = durable.write(`${folder}/a.json`, 'x'.repeat(100_000));
    await expect(tooLarge).rejects.toMatchObject({ message: expect.stringContaining('ENOSPC') });
    expect(await readdir(folder)).toEqual(['a.json']);
    expect(await readFile(`${folder}/a.json`, 'utf8')).toBe('old');
    await run('umount', [folder]);
  });

  it('says what it could not write', async () => {
    await expect(durable.write('/nosuch/a.json', 'x')).rejects.toMatchObject({
      kind: 'host-failed',
      message: expect.stringMatching(/^cannot write \/nosuch\/a\.json: .*ENOENT/),
    });
  });
});

/**
 * Writes a record over an older one and runs a shell's command in the lab, under crashpoints, in a process of its own.
 * How that process ended, and the record.
 */
async function writeUnder(lab: Lab, crashpoints: string, script = 'sleep 0.3; echo y >> effect') {
  const source = (name: string) => JSON.stringify(new URL(`../../src/host/${name}.ts`, import.meta.url));
  await writeFile(lab.path('record'), 'old');
  await writeFile(
    lab.path('writer.ts'),
    `import { createDurable } from ${source('durable')};
     import { createExec } from ${source('exec')};
     import { crashpointsFromEnvironment } from ${source('crashpoint')};
     const crashpoints = crashpointsFromEnvironment(process.env);
     await createDurable(crashpoints).write(${JSON.stringify(lab.path('record'))}, 'new');
     const exec = createExec({ crashpoints });
     await exec({ command: 'sh', args: ['-c', ${JSON.stringify(script)}], timeoutMs: 120_000, effect: true });
     await exec({ command: 'true', args: [], timeoutMs: 5000 });`,
  );
  const env = { ...process.env, INSTANCE_STORE_CSI_CRASHPOINTS: crashpoints };
  const writer = spawn(process.execPath, [lab.path('writer.ts')], {
    env,
    cwd: lab.folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code, signal] = await once(writer, 'exit');
  const effect = await readFile(lab.path('effect'), 'utf8').catch(() => '');
  return { ending: signal ?? code, record: await readFile(lab.path('record'), 'utf8'), effect };
}

describe('crashpointsFromEnvironment()', () => {
  it('is off unless asked for', () => {
    expect(crashpointsFromEnvironment({})).toBe(NO_CRASHPOINTS);
  });

  it.each(['kill:', 'kill:x', 'kill:1+', 'on'])('refuses %j', (text) => {
    expect(() => crashpointsFromEnvironment({ INSTANCE_STORE_CSI_CRASHPOINTS: text })).toThrow(TypeError);
  });

  it('records every effect with its number and how long it took, and nothing that only reads', async () => {
    await using lab = await Lab.create();
    expect(await writeUnder(lab, `record:${lab.path('points')}`)).toEqual({
      ending: 0,
      record: 'new',
      effect: 'y\n',
    });
    const lines = (await readFile(lab.path('points'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ n, effect, side }) => [n, side, effect.slice(0, 30).trim()])).toEqual([
      [1, 'before', 'durable write record.tmp'],
      [2, 'after', 'durable write record.tmp'],
      [3, 'before', 'durable rename record'],
      [4, 'after', 'durable rename record'],
      [5, 'before', expect.stringMatching(/^exec sh -c sleep 0\.3/)],
      [5, 'during', expect.stringMatching(/^exec sh -c sleep 0\.3/)],
      [6, 'after', expect.stringMatching(/^exec sh -c sleep 0\.3/)],
    ]);
    expect(lines.at(-1).ms).toBeGreaterThan(290);
  });

  it.each([
    ['kill:1', 'SIGKILL', 'old', ''],
    ['kill:2', 'SIGKILL', 'old', ''],
    ['kill:3', 'SIGKILL', 'old', ''],
    ['kill:4', 'SIGKILL', 'new', ''],
    ['kill:5', 'SIGKILL', 'new', ''],
    ['kill:6', 'SIGKILL', 'new', 'y\n'],
    ['kill:7', 0, 'new', 'y\n'],
  ])('%s ends the process by %s with the record %s', async (crashpoints, ending, record, effect) => {
    await using lab = await Lab.create();
    expect(await writeUnder(lab, crashpoints)).toEqual({ ending, record, effect });
  });

  it('kill:5+100.5 ends the process in the midst of the command', async () => {
    await using lab = await Lab.create();
    const ended = { ending: 'SIGKILL', record: 'new', effect: '' };
    expect(await writeUnder(lab, 'kill:5+100.5', 'exec sleep 60')).toEqual(ended);
  });
});

describe('targets', () => {
  it('are made with their parents, twice without harm, and removed without them', async () => {
    await using lab = await Lab.create();
    for (const make of [makeTargetDirectory, makeTargetFile]) {
      await make(lab.path('pods/uid/leaf'), NO_CRASHPOINTS);
      await make(lab.path('pods/uid/leaf'), NO_CRASHPOINTS);
      await removeTarget(lab.path('pods/uid/leaf'), NO_CRASHPOINTS);
      await removeTarget(lab.path('pods/uid/leaf'), NO_CRASHPOINTS);
      expect(await readdir(lab.path('pods/uid'))).toEqual([]);
    }
  });

  it('with anything in them are not removed', async () => {
    await using lab = await Lab.create();
    await mkdir(lab.path('full/below'), { recursive: true });
    await writeFile(lab.path('file'), 'bytes');
    for (const name of ['full', 'file']) {
      await expect(removeTarget(lab.path(name), NO_CRASHPOINTS)).rejects.toMatchObject({
        kind: 'host-failed',
      });
    }
    expect(await readdir(lab.folder)).toEqual(['file', 'full']);
  });

  it('under a mount are in use', async () => {
    await using lab = await Lab.create();
    await makeTargetDirectory(lab.path('leaf'), NO_CRASHPOINTS);
    await makeTargetFile(lab.path('node'), NO_CRASHPOINTS);
    await run('mount', ['--bind', lab.path('leaf'), lab.path('leaf')]);
    await run('mount', ['--bind', '/dev/null', lab.path('node')]);
    await makeTargetFile(lab.path('node'), NO_CRASHPOINTS);
    await expect(removeTarget(lab.path('leaf'), NO_CRASHPOINTS)).rejects.toMatchObject({ kind: 'in-use' });
    await expect(removeTarget(lab.path('node'), NO_CRASHPOINTS)).rejects.toThrow('not an empty file');
    await run('umount', [lab.path('node')]);
    await removeTarget(lab.path('node'), NO_CRASHPOINTS);
  });

  it('that are of the other kind are refused', async () => {
    await using lab = await Lab.create();
    await makeTargetDirectory(lab.path('directory'), NO_CRASHPOINTS);
    await expect(makeTargetFile(lab.path('directory'), NO_CRASHPOINTS)).rejects.toThrow(
      'a directory is there',
    );
    await makeTargetFile(lab.path('file'), NO_CRASHPOINTS);
    await expect(makeTargetDirectory(lab.path('file'), NO_CRASHPOINTS)).rejects.toThrow('EEXIST');
  });

  it('behind a symlink are refused, whatever the depth', async () => {
    await using lab = await Lab.create();
    await symlink('/etc', lab.path('link'));
    for (const name of ['link', 'link/passwd', 'link/nosuch']) {
      await expect(noSymlinks('target_path', lab.path(name))).rejects.toMatchObject({
        kind: 'invalid-argument',
        message: `target_path: found ${lab.path('link')} to be a symlink to "/etc"; want a path without symlinks`,
      });
    }
    await expect(noSymlinks('target_path', lab.path('a/b/c'))).resolves.toBeUndefined();
    await expect(noSymlinks('target_path', '/etc/passwd/x')).rejects.toMatchObject({
      kind: 'invalid-argument',
    });
  });
});
