import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../src/', import.meta.url));
const files = readdirSync(source, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.ts'));

/**
 * What each folder of `src/` may import. Imports point inward: rejection ← http1 ← inspect ← admit ← upstream ← connection ←
 * accept ← the edge; config ← master ← the program. The others stand beside the chain.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  rejection: [],
  http1: ['rejection'],
  inspect: ['http1', 'rejection'],
  // What the other requests did, and what the policy makes of it.
  admit: ['http1', 'inspect', 'rejection'],
  // `inline` runs the same application code as a worker does.
  upstream: ['http1', 'inspect', 'link', 'rejection', 'telemetry', 'worker'],
  connection: ['admit', 'http1', 'inspect', 'link', 'policy', 'rejection', 'telemetry', 'upstream'],
  accept: ['admit', 'connection', 'http1', 'inspect', 'rejection'],
  'edge.ts': [
    'accept',
    'admit',
    'connection',
    'http1',
    'inspect',
    'policy',
    'process',
    'telemetry',
    'upstream',
    'worker',
  ],
  suggestion: [],
  // Counts by the rules of the one table.
  telemetry: ['rejection'],
  link: [],
  // Its tables are those that the checks ask.
  policy: ['admit', 'http1', 'inspect', 'rejection', 'suggestion'],
  // The parts of the server that judge a request, put together without a connection.
  explain: ['command-line', 'http1', 'inspect', 'policy', 'rejection', 'upstream'],
  // What operators ask a server that runs, and how both sides say it.
  control: ['command-line', 'explain', 'policy'],
  // What stands on command lines and may be quoted.
  'command-line': ['policy'],
  process: ['admit', 'policy', 'telemetry', 'worker'],
  worker: ['link', 'process', 'suggestion', 'telemetry'],
  config: ['command-line', 'explain', 'policy', 'suggestion', 'telemetry', 'upstream', 'worker'],
  master: ['admit', 'config', 'control', 'policy', 'process', 'telemetry', 'worker'],
  'cli.ts': ['config', 'control', 'explain', 'master', 'policy', 'telemetry'],
};
const sansIo = ['rejection', 'http1', 'inspect'];

type Import = { readonly file: string; readonly target: string };

function importsOf(file: string): Import[] {
  const text = readFileSync(join(source, file), 'utf8');
  return [...text.matchAll(/^(?:import|export) (?:[^'";]+ from )?'([^']+)'|import\('([^']+)'\)/gm)].map((match) => ({
    file,
    target: match[1] ?? match[2] ?? '',
  }));
}

function folderOf(file: string): string {
  return file.split('/')[0] ?? file;
}

const imports = files.flatMap(importsOf);

describe('the folders of src', () => {
  it('import only what lies further in', () => {
    const wrong = imports
      .filter(({ target }) => target.startsWith('.'))
      .map(({ file, target }) => ({ file, to: normalize(join(dirname(file), target)) }))
      .filter(({ file, to }) => folderOf(file) !== folderOf(to))
      .filter(({ file, to }) => !(mayImport[folderOf(file)] ?? []).includes(folderOf(to)))
      .map(({ file, to }) => `${file} imports ${to}`);
    assert.deepEqual(wrong, []);
  });

  it('are all listed here', () => {
    assert.deepEqual([...new Set(files.map(folderOf))].sort(), Object.keys(mayImport).sort());
  });

  it('do no I/O in the inner three: nothing from node:', () => {
    const wrong = imports.filter(({ file, target }) => sansIo.includes(folderOf(file)) && target.startsWith('node:'));
    assert.deepEqual(wrong, []);
  });

  it('hold no file without an idea for a name', () => {
    const nameless = /(^|\/)(utils?|helpers?|common|types|index|misc)\.ts$/;
    assert.deepEqual(
      files.filter((file) => nameless.test(file)),
      [],
    );
  });

  it('are found by this test', () => {
    assert.ok(imports.length > 100, `${imports.length} imports`);
  });
});
