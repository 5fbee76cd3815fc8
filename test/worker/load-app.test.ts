import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AppLoadError, loadApp } from '../../src/worker/load-app.ts';

const files: Readonly<Record<string, string>> = {
  'app.mjs': 'export function app() {}\nexport function other() {}\nexport default function () {}',
  'default.mjs': 'export default function fallback() {}',
  'named.cjs': 'module.exports = { app() {}, other() {} };',
  'computed.cjs': "for (const name of ['first', 'second']) module.exports[name] = () => name;",
  'function.cjs': 'module.exports = function app() {};',
  'misspelt.mjs': 'export function application() {}\nexport const version = 1;\nexport function zebra() {}',
  'empty.mjs': '',
  'string.mjs': "export const app = 'hello';",
  'fetch.mjs': 'export default { fetch() {} };',
  'throws.mjs': "function connectToDatabase() {\n  throw new Error('no database');\n}\nconnectToDatabase();",
  'throws-text.mjs': "throw 'just text';",
  'syntax.mjs': "export const app = () => {\n  return ['unfinished];\n};",
  'syntax.cjs': "module.exports = {\n  app: 'unfinished\n};",
  'imports-missing.mjs': "import './not-there.mjs';",
  'imports-syntax.mjs': "import './syntax.mjs';",
};

const loaded = [
  { behaviour: 'app, where no name is given', file: 'app.mjs', name: null, appName: 'app' },
  { behaviour: 'the default export, where there is no app', file: 'default.mjs', name: null, appName: 'fallback' },
  { behaviour: 'the one that is named', file: 'app.mjs', name: 'other', appName: 'other' },
  { behaviour: 'a property of module.exports', file: 'named.cjs', name: 'other', appName: 'other' },
  { behaviour: 'one that Node cannot see in advance', file: 'computed.cjs', name: 'second', appName: '' },
  { behaviour: 'module.exports itself', file: 'function.cjs', name: null, appName: 'app' },
];

const refused = [
  {
    behaviour: 'a misspelt name, with the nearest export first',
    file: 'misspelt.mjs',
    name: 'aplication',
    message: /"misspelt.mjs" has no export "aplication"\. It exports application, version, zebra\./,
  },
  {
    behaviour: 'a module without app and default',
    file: 'misspelt.mjs',
    name: null,
    message: /neither "app" nor a default\. It exports application, version, zebra\. Name one: misspelt.mjs:NAME/,
  },
  { behaviour: 'an empty module', file: 'empty.mjs', name: 'app', message: /It exports nothing\./ },
  {
    behaviour: 'an app that is text',
    file: 'string.mjs',
    name: null,
    message: /"app" of "string.mjs" is a string, not a function/,
  },
  {
    behaviour: 'a fetch handler',
    file: 'fetch.mjs',
    name: null,
    message: /is an object with fetch\(\), not a function/,
  },
  {
    behaviour: 'a module that throws, with its own stack',
    file: 'throws.mjs',
    name: null,
    message: /"throws.mjs" failed while it was loaded: no database$/,
    stack: /^Error: no database\n +at connectToDatabase \(.*throws\.mjs:2:9\)\n +at .*throws\.mjs:4:1$/,
  },
  { behaviour: 'a module that throws text', file: 'throws-text.mjs', name: null, message: /threw a string/ },
  {
    behaviour: 'a module that does not parse, with the place',
    file: 'syntax.mjs',
    name: null,
    message: /"syntax.mjs" cannot be parsed: Invalid or unexpected token/,
    stack: /syntax\.mjs:2\n +return \['unfinished\];/,
  },
  {
    behaviour: 'a script that does not parse, with the place',
    file: 'syntax.cjs',
    name: null,
    message: /Invalid or unexpected token/,
    stack: /syntax\.cjs:2\n +app: 'unfinished/,
  },
  {
    behaviour: 'a module that imports what is not there',
    file: 'imports-missing.mjs',
    name: null,
    message: /Cannot find module '.*not-there\.mjs' imported from .*imports-missing\.mjs/,
  },
  {
    behaviour: 'a module that imports what does not parse',
    file: 'imports-syntax.mjs',
    name: null,
    message: /"imports-syntax.mjs" failed while it was loaded: Invalid or unexpected token/,
  },
];

describe('loading an application', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'load-app-'));
    for (const [name, source] of Object.entries(files)) writeFileSync(join(folder, name), source);
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const { behaviour, file, name, appName } of loaded) {
    it(`finds ${behaviour}`, async () => {
      const app = await loadApp({ path: join(folder, file), name });
      assert.equal(app.name, appName);
    });
  }

  for (const { behaviour, file, name, message, stack } of refused) {
    it(`refuses ${behaviour}`, async () => {
      await assert.rejects(loadApp({ path: join(folder, file), name }), (error) => {
        assert.ok(error instanceof AppLoadError);
        assert.equal(error.exitCode, 4);
        assert.match(error.message, message);
        assert.ok(!error.message.includes('\n'), 'one paragraph');
        assert.ok(!/node:internal/.test(error.appStack ?? ''));
        if (stack !== undefined) assert.match(error.appStack ?? '', stack);
        return true;
      });
    });
  }

  it('runs TypeScript where Node does, and says what to do where not', () => {
    writeFileSync(join(folder, 'typed.ts'), 'export const app = (): readonly string[] => [];');
    const { status, stdout } = loadWithoutLoader(join(folder, 'typed.ts'));
    if ('typescript' in process.features && process.features.typescript) assert.equal(stdout, 'loaded');
    else assert.match(stdout, /"typed.ts" is TypeScript, which Node .* does not run by itself: compile it/);
    assert.equal(status, 0);
  });
});

/** The tests themselves run under a loader that knows TypeScript, and so would an application in this process. */
function loadWithoutLoader(path: string): { readonly status: number | null; readonly stdout: string } {
  const script = fileURLToPath(new URL('./fixtures/load-plain.mjs', import.meta.url));
  return spawnSync(process.execPath, [script, path], { encoding: 'utf8' });
}
