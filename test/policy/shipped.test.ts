import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parse } from 'jsonc-parser';
import { loadPolicy } from '../../src/policy/load.ts';
import { rules } from '../../src/rejection/rules.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const schemaText = readFileSync(join(root, 'policies/policy.schema.json'), 'utf8');
const defaultText = readFileSync(join(root, 'policies/default.json'), 'utf8');

type Schema = {
  readonly type: string | readonly string[];
  readonly description?: string;
  readonly unit?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
};

const schema = JSON.parse(schemaText) as Schema;

function* schemasOf(part: Schema, path: readonly string[] = []): Generator<{ path: readonly string[]; part: Schema }> {
  yield { path, part };
  for (const [name, property] of Object.entries(part.properties ?? {})) yield* schemasOf(property, [...path, name]);
}

const parts = [...schemasOf(schema)];
const leaves = parts.filter(({ path, part }) => part.properties === undefined && path[0] !== '$schema');

describe('the generated files', () => {
  it('are what the schema and the catalogue of rules give today', () => {
    const command = ['--import', 'tsx', 'scripts/generate.mjs', '--check'];
    const { status, stderr } = spawnSync(process.execPath, command, {
      cwd: root,
      encoding: 'utf8',
    });
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });

  it('neither import ajv nor make code from strings', () => {
    const validator = readFileSync(join(root, 'src/policy/policy-validator.generated.ts'), 'utf8');
    const imports = validator.match(/^import .*$/gm);
    assert.deepEqual(imports, ["import type { SchemaError } from './validate.ts';"]);
    assert.equal(/new Function|\beval\(|^[^']*\brequire\(/m.test(validator), false);
  });
});

describe('policies load where code generation from strings is disallowed', () => {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-dist-'));
  after(() => rmSync(directory, { recursive: true, force: true }));

  /** Prints what loading a valid and an invalid policy gives, after proof that the flag is in force. */
  const program = (load: string): string => `
    import { loadPolicy } from '${load}';
    try { new Function(''); console.log('code generation is allowed'); } catch {}
    console.log(loadPolicy(null).request.lineBytes);
    try { loadPolicy('package.json'); } catch (error) { console.log(error.name); }
  `;
  const run = (flags: readonly string[], load: string): string => {
    const all = ['--disallow-code-generation-from-strings', ...flags, '--input-type=module', '--eval', program(load)];
    const { stdout, stderr } = spawnSync(process.execPath, all, { cwd: root, encoding: 'utf8', timeout: 60_000 });
    assert.equal(stderr, '');
    return stdout;
  };

  it('from src/', () => {
    assert.equal(run(['--import', 'tsx'], './src/policy/load.ts'), '4094\nPolicyError\n');
  });

  it('from dist/, beside the same policies/', () => {
    const options = ['-p', 'tsconfig.build.json', '--outDir', join(directory, 'dist'), '--noEmitOnError', 'false'];
    spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...options], { cwd: root, timeout: 60_000 });
    for (const name of ['policies', 'node_modules', 'package.json'])
      symlinkSync(join(root, name), join(directory, name));
    assert.equal(run([], pathToFileURL(join(directory, 'dist/policy/load.js')).href), '4094\nPolicyError\n');
  });
});

describe('the schema', () => {
  it('closes every object, so that no unknown key passes', () => {
    const open = parts.filter(({ part }) => part.properties !== undefined && part.additionalProperties !== false);
    assert.deepEqual(open, []);
  });

  for (const { path, part } of leaves) {
    it(`says of ${path.join('.')} its unit, default, range and reason`, () => {
      assert.ok((part.description ?? '').length > 40);
      assert.notEqual(part.default, undefined);
      const isNumber = part.minimum !== undefined && part.maximum !== undefined && part.unit !== undefined;
      const isBounded = part.maxItems !== undefined || part.maxLength !== undefined;
      assert.ok(isNumber || part.enum !== undefined || isBounded);
    });
  }

  it('has the defaults of default.json', () => {
    const file: unknown = parse(defaultText);
    for (const { path, part } of leaves) {
      // The default is what every chain ends with.
      if (path[0] === 'extends') continue;
      const value = path.reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], file);
      assert.deepEqual(value, part.default, path.join('.'));
    }
  });

  it('allows the methods that the parser knows, but CONNECT, TRACE and those of other protocols', () => {
    const llhttp = createRequire(import.meta.url)('undici/lib/llhttp/constants.js') as {
      readonly METHODS: Readonly<Record<string, number>>;
      readonly METHODS_HTTP: readonly number[];
    };
    const names = Object.entries(llhttp.METHODS).filter(([, number]) => llhttp.METHODS_HTTP.includes(number));
    const known = names.map(([name]) => name).filter((name) => !['CONNECT', 'TRACE', 'PRI', 'SOURCE'].includes(name));
    const allowed = schema.properties?.['request']?.properties?.['methods']?.items?.enum ?? [];
    assert.deepEqual([...allowed].sort(), known.sort());
  });

  it('has every value that a rule points at', () => {
    const pointers = new Set(parts.map(({ path }) => `/${path.join('/')}`));
    for (const [id, { pointer }] of Object.entries(rules)) {
      if (pointer !== null) assert.ok(pointers.has(pointer), `${id}: ${pointer}`);
    }
  });
});

describe('default.json', () => {
  it('says of every value why', () => {
    const lines = defaultText.split('\n');
    for (const [index, line] of lines.entries()) {
      if (!/^\s+"(?!\$schema)[^"]+": [^{]/.test(line)) continue;
      assert.match(lines[index - 1] ?? '', /^\s+\/\/ /, line);
    }
  });
});

describe('the examples', () => {
  const directory = join(root, 'examples/policies');
  for (const name of readdirSync(directory)) {
    it(`${name} is a policy`, () => {
      const origins = Object.values(loadPolicy(join(directory, name)).origins);
      assert.ok(origins.some((origin) => origin !== 'default'));
    });
  }
});
