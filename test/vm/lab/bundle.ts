import { readFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { GUEST, GUEST_CHECKOUT, ROOT } from './place.ts';

/**
 * Modules of the checkout for the guest, a file each: a guest that is emulated would take seconds to read and strip
 * all the files that one imports.
 */

/** A bundle is somewhere else than the files that it is made of, and they look for their neighbours in the checkout. */
const inCheckout: Plugin = {
  name: 'in-checkout',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const folder = join(GUEST_CHECKOUT, relative(ROOT, dirname(path)));
      const text = await readFile(path, 'utf8');
      const contents = text
        .replaceAll('import.meta.dirname', JSON.stringify(folder))
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(join(folder, basename(path)))));
      return { contents, loader: 'ts' };
    });
  },
};

/** A program. */
export const bundleScript = (source: string, outfile: string): Promise<void> =>
  bundle(`import ${JSON.stringify(source)};`, outfile);

/** A program that answers calls of the module's exported functions. */
export const bundleModule = (source: string, outfile: string): Promise<void> =>
  bundle(
    `import * as functions from ${JSON.stringify(source)};
     import { serve } from ${JSON.stringify(join(GUEST, 'serve.ts'))};
     serve(functions);`,
    outfile,
  );

async function bundle(contents: string, outfile: string): Promise<void> {
  await build({
    stdin: { contents, resolveDir: ROOT, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    plugins: [inCheckout],
    logLevel: 'warning',
    // CommonJS dependencies call require(), which an ES module does not have.
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module';\nconst require = bundleRequire(import.meta.url);",
    },
  });
}
