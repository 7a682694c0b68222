// Bundles the driver: one unminified ES module a process, with no source maps, and their proto files beside them.
//
// Unminified, so that a stack trace names real functions; source maps would cost the driver 17-37 MiB of memory.
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { build } from 'esbuild';

/** What runs as a process of its own: the driver, the child that touches a disk in its stead, the controller. */
const PROCESSES = {
  'instance-store-csi': 'src/main.ts',
  probe: 'src/host/probe-child.ts',
  controller: 'src/controller.ts',
};

const entryPoints = Object.entries(PROCESSES)
  .filter(([, source]) => existsSync(source))
  .map(([out, source]) => ({ in: source, out }));

/**
 * Node's own modules by require(): to an ES module that imports `node:http`, Node shows all that it exports, and for one
 * of them loads a whole HTTP client (undici), which costs the driver 60 ms and some MiB.
 */
const builtinsByRequire = {
  name: 'builtins-by-require',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ path, namespace }) =>
      isBuiltin(path) && namespace === 'file' ? { path, namespace: 'builtin' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = requireBuiltin(${JSON.stringify(path)});`,
    }));
  },
};

mkdirSync('dist', { recursive: true });
await build({
  entryPoints,
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  logLevel: 'warning',
  plugins: [builtinsByRequire],
  // CommonJS dependencies call require(), which an ES module does not have.
  banner: {
    js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\nconst requireBuiltin = require;",
  },
});
for (const name of ['csi.proto', 'administration.proto']) copyFileSync(`proto/${name}`, `dist/${name}`);
console.log(
  `built ${entryPoints.map(({ out }) => `dist/${out}.mjs`).join(', ') || 'nothing: no source yet'}`,
);
