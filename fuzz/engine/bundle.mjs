import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** jazzer.js counts coverage in what it loads as one plain file; modules in TypeScript would run without any. */
export async function bundleTarget(entry, outfile) {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    // Bundles of the kind UMD hide their parts from a bundler.
    mainFields: ['module', 'main'],
    logLevel: 'error',
    // CommonJS packages in the bundle ask for Node's modules with `require`.
    banner: {
      js: "import { createRequire as forBundle } from 'node:module'; const require = forBundle(import.meta.url);",
    },
    plugins: [{ name: 'places', setup: (plugin) => plugin.onLoad({ filter: /\/(src|fuzz)\/.*\.ts$/ }, placed) }],
  });
  return outfile;
}

/** Files that are found relative to a module stay found. */
function placed({ path }) {
  const url = JSON.stringify(pathToFileURL(path).href);
  return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url), loader: 'ts' };
}
