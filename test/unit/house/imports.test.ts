import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { lintOf, ROOT } from './planted.ts';

/** A statement planted into a file, and whether the lint of the project must refuse it there. */
type Planted = { readonly file: string; readonly statement: string; readonly refused: boolean };

const imports = (from: string): string => `import { x } from '${from}';\nexport const y = x;`;
const refused = (file: string, statement: string): Planted => ({ file, statement, refused: true });
const allowed = (file: string, statement: string): Planted => ({ file, statement, refused: false });

const PLANTED: readonly Planted[] = [
  refused('src/model/to-host.ts', imports('../host/x.ts')),
  refused('src/model/to-main.ts', imports('../main.ts')),
  refused('src/model/to-node.ts', imports('node:fs')),
  refused('src/model/to-node-unprefixed.ts', imports('fs/promises')),
  refused('src/model/to-package.ts', imports('yaml')),
  refused('src/model/to-scoped-package.ts', imports('@grpc/grpc-js')),
  refused('src/model/deep/to-csi.ts', imports('../../csi/x.ts')),
  refused('src/host/to-pools.ts', imports('../pools/x.ts')),
  refused('src/host/to-spawn.ts', imports('node:child_process')),
  refused('src/host/to-execa.ts', imports('execa')),
  refused('src/host/to-grpc.ts', imports('@grpc/grpc-js')),
  refused('src/host/exec.ts', `${imports('execa')}\nexport * from '../volumes/x.ts';`),
  refused('src/pools/to-volumes.ts', imports('../volumes/x.ts')),
  refused('src/volumes/around-the-corner.ts', imports('../../src/csi/x.ts')),
  refused('src/volumes/late.ts', "export const late = async () => await import('../csi/x.ts');"),
  refused('src/volumes/type-only.ts', "import type { X } from '../csi/x.ts';\nexport type Y = X;"),
  refused('src/volumes/re-export.ts', "export * from '../cli/x.ts';"),
  refused('src/volumes/to-kube.ts', imports('../kube/x.ts')),
  refused('src/kube/to-cluster.ts', imports('../cluster/x.ts')),
  refused('src/kube/to-csi.ts', imports('../csi/x.ts')),
  refused('src/kube/to-spawn.ts', imports('node:child_process')),
  refused('src/kube/to-grpc.ts', imports('@grpc/grpc-js')),
  refused('src/cluster/to-kube.ts', imports('../kube/x.ts')),
  refused('src/volumes/to-metrics.ts', imports('../metrics/x.ts')),
  refused('src/kube/to-metrics.ts', imports('../metrics/x.ts')),
  refused('src/cluster/to-metrics.ts', imports('../metrics/x.ts')),
  refused('src/metrics/to-kube.ts', imports('../kube/x.ts')),
  refused('src/metrics/to-csi.ts', imports('../csi/x.ts')),
  refused('src/csi/to-cli.ts', imports('../cli/x.ts')),
  refused('src/cli/to-main.ts', imports('../main.ts')),
  refused('src/cli/to-grpc.ts', imports('@grpc/grpc-js')),
  refused('src/main.ts', imports('execa')),
  refused('src/controller.ts', imports('execa')),
  allowed('src/model/within.ts', imports('./x.ts')),
  allowed('src/model/deep/within.ts', imports('../x.ts')),
  allowed('src/host/down.ts', imports('../model/x.ts')),
  allowed('src/host/to-node.ts', imports('node:fs/promises')),
  allowed('src/volumes/down.ts', imports('../pools/x.ts')),
  allowed('src/metrics/down.ts', imports('../volumes/x.ts')),
  allowed('src/kube/down.ts', imports('../host/x.ts')),
  allowed('src/kube/to-https.ts', imports('node:https')),
  allowed('src/csi/to-grpc.ts', imports('@grpc/grpc-js')),
  allowed('src/csi/to-generated.ts', imports('./gen/csi.ts')),
  allowed('src/cluster/down.ts', imports('../model/x.ts')),
  allowed('src/cli/down.ts', imports('../volumes/x.ts')),
];

const IMPORT_RULES = ['noRestrictedImports', 'noNodejsModules'];

describe('the direction of imports', () => {
  const rules = lintOf(new Map(PLANTED.map(({ file, statement }) => [file, `${statement}\n`])));
  const isRefused = (file: string): boolean =>
    rules.get(file)?.some((rule) => IMPORT_RULES.includes(rule)) ?? false;

  it.each(PLANTED.filter((each) => each.refused))('lint refuses $statement in $file', ({ file }) => {
    expect(isRefused(file)).toBe(true);
  });

  it.each(PLANTED.filter((each) => !each.refused))('lint allows $statement in $file', ({ file }) => {
    expect(isRefused(file)).toBe(false);
  });

  it('is watched in every folder of src', () => {
    const config = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8')) as {
      overrides: { includes: string[] }[];
    };
    const watched = config.overrides.flatMap(({ includes }) => includes);
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `src/${entry.name}/**`);
    expect(folders.filter((each) => !watched.includes(each))).toEqual([]);
  });
});
