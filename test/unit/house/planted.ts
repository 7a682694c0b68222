import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

export const ROOT = join(import.meta.dirname, '../../..');

/** A folder of its own for `work`, gone afterwards. */
export function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'house-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * The names of the rules that the project's own lint finds broken in each file, were the tree made of `files`
 * (path to text). This is how a check is shown to fail.
 */
export function lintOf(files: ReadonlyMap<string, string>): ReadonlyMap<string, readonly string[]> {
  return inFolder((folder) => {
    for (const name of ['biome.json', 'package.json']) copyFileSync(join(ROOT, name), join(folder, name));
    for (const [file, text] of files) {
      mkdirSync(join(folder, dirname(file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
    const { stdout } = spawnSync(
      join(ROOT, 'node_modules/.bin/biome'),
      ['lint', '--reporter=github', '--max-diagnostics=none'],
      { cwd: folder, encoding: 'utf8' },
    );
    const found = [...stdout.matchAll(/title=lint\/\w+\/(\w+),file=([^,]+)/g)];
    const rulesOf = (file: string): readonly string[] =>
      found.filter(([, , at]) => relative(folder, at ?? '') === file).map(([, rule]) => rule ?? '');
    return new Map([...files.keys()].map((file) => [file, rulesOf(file)]));
  });
}
