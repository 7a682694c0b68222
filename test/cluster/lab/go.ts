import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { CACHE, ROOT } from './place.ts';

export const GO = join(ROOT, 'scripts/go');

/** A static binary of Go, kept in the cache folder by a name that says what it was made of. */
type Build = {
  readonly keptAs: string;
  /** About how long on two cores, with nothing of it in Go's own cache. */
  readonly minutes: number;
  readonly make: (output: string) => Promise<void>;
};

/** The path of the binary, which is built first when it is not in the cache. */
export async function built({ keptAs, minutes, make }: Build): Promise<string> {
  const kept = join(CACHE, keptAs);
  if (existsSync(kept)) return kept;
  await mkdir(CACHE, { recursive: true });
  console.log(`building ${keptAs}, about ${minutes} min the first time`);
  const fresh = `${kept}.new-${process.pid}`;
  await make(fresh);
  await rename(fresh, kept);
  return kept;
}

type Compilation = {
  /** The folder of the module. */
  readonly folder: string;
  readonly package: string;
  /** Values of variables, as the linker sets them. */
  readonly values: Readonly<Record<string, string>>;
  /** The package's tests instead of its program. */
  readonly tests?: true;
};

export async function compile(output: string, what: Compilation): Promise<void> {
  const linked = Object.entries(what.values).map(([name, value]) => `-X ${name}=${value}`);
  const verb = what.tests === true ? ['test', '-c'] : ['build'];
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', ['-s -w', ...linked].join(' ')];
  await execa(GO, [...verb, ...flags, '-o', output, what.package], {
    cwd: what.folder,
    env: { CGO_ENABLED: '0' },
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: ['inherit', 'pipe'],
  });
}
