import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const cache = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));

/**
 * The directory with `NAME.mjs` for each `NAME.ts`, which runs on Node as it is. A test that starts a hundred processes would
 * spend most of its time in tsx, once in each of them. The directory goes with the test's own process.
 */
export function bundledPrograms(sources: readonly URL[]): string {
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, 'programs-'));
  process.once('exit', () => rmSync(directory, { recursive: true }));
  buildSync({
    entryPoints: sources.map((source) => ({ in: fileURLToPath(source), out: basename(source.pathname, '.ts') })),
    outdir: directory,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Nothing in this directory says that its modules are ES modules.
    outExtension: { '.js': '.mjs' },
    sourcemap: 'inline',
  });
  return directory;
}
