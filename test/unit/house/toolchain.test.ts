import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { inFolder, lintOf, ROOT } from './planted.ts';

const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

type PackageJson = { readonly [kind: string]: Readonly<Record<string, string>> };
type Lock = { readonly packages: Readonly<Record<string, { readonly resolved?: string }>> };

describe('package.json', () => {
  const manifest = JSON.parse(textOf('package.json')) as PackageJson;

  it.each(['dependencies', 'devDependencies', 'optionalDependencies'])(
    'pins exact versions in %s',
    (kind) => {
      const loose = Object.entries(manifest[kind] ?? {}).filter(
        ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
      );
      expect(loose).toEqual([]);
    },
  );

  it('is locked without the address of any registry', () => {
    const lock = JSON.parse(textOf('package-lock.json')) as Lock;
    const addressed = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined);
    expect(addressed).toEqual([]);
  });
});

describe('csi.proto', () => {
  it('is CSI 1.13.0 as published, byte for byte', () => {
    const digest = createHash('sha256').update(textOf('proto/csi.proto')).digest('hex');
    expect(digest).toBe('8c5604cb76fefff19c01cf88ebd229e4f8c88c419898b07e4914318d25d84af3');
  });

  it('generates exactly the types that the source is checked against', () => {
    inFolder((folder) => {
      const fresh = join(folder, 'gen');
      const { status, stderr } = spawnSync(join(ROOT, 'scripts/generate-types'), [fresh], {
        encoding: 'utf8',
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const names = readdirSync(fresh, { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.ts'),
      );
      expect(names.length).toBeGreaterThan(100);
      const drifted = names.filter((name) => {
        const kept = join(ROOT, 'src/csi/gen', name);
        return !existsSync(kept) || readFileSync(kept, 'utf8') !== readFileSync(join(fresh, name), 'utf8');
      });
      expect(drifted).toEqual([]);
    });
  });
});

describe('the size of things', () => {
  const body = (lines: number): string => 'console.log(1);\n'.repeat(lines);
  const functionOf = (lines: number): string => `export function f() {\n${body(lines)}}\n`;
  const rules = lintOf(
    new Map([
      ['src/volumes/function-70.ts', functionOf(70)],
      ['src/volumes/function-80.ts', functionOf(80)],
      ['src/volumes/file-300.ts', body(300)],
      ['src/volumes/file-301.ts', body(301)],
    ]),
  );

  it.each([
    ['src/volumes/function-70.ts', []],
    ['src/volumes/function-80.ts', ['noExcessiveLinesPerFunction']],
    ['src/volumes/file-300.ts', []],
    ['src/volumes/file-301.ts', ['noExcessiveLinesPerFile']],
  ])('lint finds in %s: %j', (file, broken) => {
    expect(rules.get(file)).toEqual(broken);
  });
});

describe('bin/instance-store-csi', () => {
  it('says what to do when the driver was not built', () => {
    inFolder((folder) => {
      const launcher = join(folder, 'launcher');
      writeFileSync(launcher, textOf('bin/instance-store-csi'), { mode: 0o755 });
      const { status, stderr } = spawnSync(launcher, ['--version'], { encoding: 'utf8' });
      expect(status).toBe(1);
      expect(stderr).toContain('run "make build"');
    });
  });
});
