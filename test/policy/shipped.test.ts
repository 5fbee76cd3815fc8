import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import Ajv from 'ajv';
import { parse } from 'jsonc-parser';
import { parserContext } from '../../src/explain/parser-context.ts';
import { runTests } from '../../src/explain/policy-test.ts';
import { loadTrustedPolicy } from '../../src/explain/trusted-policy.ts';
import { loadPolicy, policyFrom } from '../../src/policy/load.ts';
import type { PolicyFile, PolicyPointer } from '../../src/policy/policy-file.generated.ts';
import { policyKeys } from '../../src/policy/policy-file.generated.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { parseSize } from '../../src/policy/quantity.ts';
import { shippedNames } from '../../src/policy/shipped.ts';
import { isObservable, type RuleId, rules } from '../../src/rejection/rules.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const schemaText = readFileSync(join(root, 'policies/policy.schema.json'), 'utf8');
const defaultText = readFileSync(join(root, 'policies/default.json'), 'utf8');

type Schema = {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type: string | readonly string[];
  readonly description?: string;
  readonly unit?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly maxProperties?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
};

const schema = JSON.parse(schemaText) as Schema;

/** A part of the schema, or what it refers to. */
function resolved(part: Schema): Schema {
  if (part.$ref === undefined) return part;
  const target = schema.$defs?.[part.$ref.replace('#/$defs/', '')];
  assert.ok(target, part.$ref);
  return resolved(target);
}

type Part = { readonly path: readonly string[]; readonly part: Schema; readonly isRequired: boolean };

/** Every part with its path, in which `*` is any element of a list. */
function* schemasOf(written: Schema, path: readonly string[] = [], isRequired = false): Generator<Part> {
  const part = resolved(written);
  yield { path, part, isRequired };
  for (const [name, property] of Object.entries(part.properties ?? {})) {
    yield* schemasOf(property, [...path, name], part.required?.includes(name) === true);
  }
  if (part.items !== undefined && resolved(part.items).properties !== undefined) {
    yield* schemasOf(part.items, [...path, '*']);
  }
}

const parts = [...schemasOf(schema)];
const leaves = parts.filter(
  ({ path, part }) => part.properties === undefined && path[0] !== '$schema' && path.at(-1) !== '*',
);

/** The parts of a policy, without those that say which requests a route or a test is about. */
const values = leaves.filter(({ path }) => path[0] !== 'tests' && !(path[0] === 'routes' && path.length === 3));

function enumAt(pointer: string): readonly string[] {
  return parts.find(({ path }) => `/${path.join('/')}` === pointer)?.part.enum ?? [];
}

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
    it(`says of ${path.join('.')} its range and reason`, () => {
      assert.ok((part.description ?? '').length > 40, part.description);
      // A status code is no quantity.
      const hasUnit = part.unit !== undefined || path.at(-1) === 'status';
      const isNumber = part.minimum !== undefined && part.maximum !== undefined && hasUnit;
      const isBounded = part.maxItems !== undefined || part.maxLength !== undefined || part.maxProperties !== undefined;
      assert.ok(isNumber || part.enum !== undefined || isBounded);
    });
  }

  for (const { path, part } of values.filter(({ isRequired }) => !isRequired)) {
    it(`says of ${path.join('.')} what holds without it`, () => {
      assert.ok(part.default !== undefined || /Left out: /.test(part.description ?? ''));
    });
  }

  it('has the defaults of default.json', () => {
    const file: unknown = parse(defaultText);
    // `extends`: the default is what every chain ends with. `tests`: it has none. A route has what the policy has.
    const said = values.filter(({ path, part }) => part.default !== undefined && !path.includes('*'));
    for (const { path, part } of said.filter(({ path }) => path[0] !== 'extends')) {
      const value = path.reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], file);
      assert.deepEqual(value, part.default, path.join('.'));
    }
  });

  it('has in a route only values of the policy, each as the policy has it', () => {
    const ofRoutes = values.filter(({ path }) => path[0] === 'routes' && path.length > 2);
    assert.notEqual(ofRoutes.length, 0);
    for (const { path, part } of ofRoutes) {
      const general = values.find((value) => value.path.join('/') === path.slice(2).join('/'));
      assert.equal(part, general?.part, path.join('.'));
    }
  });

  it('allows the methods that the parser knows, but CONNECT, TRACE and those of other protocols', () => {
    const llhttp = createRequire(import.meta.url)('undici/lib/llhttp/constants.js') as {
      readonly METHODS: Readonly<Record<string, number>>;
      readonly METHODS_HTTP: readonly number[];
    };
    const names = Object.entries(llhttp.METHODS).filter(([, number]) => llhttp.METHODS_HTTP.includes(number));
    const known = names.map(([name]) => name).filter((name) => !['CONNECT', 'TRACE', 'PRI', 'SOURCE'].includes(name));
    const lists = parts.filter(({ path }) => path.at(-1) === 'methods');
    assert.equal(lists.length, 3);
    for (const { path, part } of lists)
      assert.deepEqual([...(part.items?.enum ?? [])].sort(), known.sort(), path.join('.'));
  });

  it('has every value that a rule points at', () => {
    const pointers = new Set(parts.map(({ path }) => `/${path.join('/')}`));
    for (const [id, { pointer }] of Object.entries(rules)) {
      if (pointer !== null) assert.ok(pointers.has(pointer), `${id}: ${pointer}`);
    }
  });

  it('has the rules of the table, and lets exactly those be observed that it says can be', () => {
    const ids = Object.keys(rules) as RuleId[];
    const observable = ids.filter(isObservable).sort();
    const ofRules = parts.find(({ path }) => path.join('/') === 'rules')?.part.properties ?? {};
    assert.deepEqual(Object.keys(ofRules).sort(), observable);
    assert.deepEqual([...enumAt('/tests/*/expect/observed')].sort(), observable);
    assert.deepEqual([...enumAt('/tests/*/expect/rule')].sort(), ids.sort());
  });

  it('is what an editor reads: draft-07, with nothing that only the latest drafts have', () => {
    assert.match(schemaText, /"\$schema": "http:\/\/json-schema\.org\/draft-07\/schema#"/);
    const ajv = new Ajv.default({ strict: true, allowUnionTypes: true });
    assert.equal(ajv.validateSchema(schema), true, ajv.errorsText());
    // Beside "$ref" draft-07 ignores everything.
    const references = schemaText.match(/\{\s*"\$ref": "[^"]+"[^}]/g) ?? [];
    assert.deepEqual(
      references.filter((text) => text.endsWith(',')),
      [],
    );
    ajv.addVocabulary(['unit']);
    const isPolicy = ajv.compile(schema);
    for (const name of shippedNames()) assert.equal(isPolicy(fileOf(name)), true, `${name}: ${ajv.errorsText()}`);
  });
});

function textOf(name: string): string {
  return readFileSync(join(root, `policies/${name}.json`), 'utf8');
}

function fileOf(name: string): PolicyFile {
  return parse(textOf(name)) as PolicyFile;
}

/** What no bytes show, however they are chosen: it takes time, load, other requests, or an application that does not read. */
const beyondTests =
  /^\/(timeouts|keepAlive|connections|spool|rateLimits|jail|queue|response)(\/|$)|^\/request\/content\/(memoryBytes|delivery)$/;

describe('the shipped policies', () => {
  it('are named as `extends` and -P have them, default first', () => {
    assert.deepEqual(shippedNames(), ['default', 'api', 'gunicorn', 'strict', 'upload']);
  });

  for (const name of shippedNames()) {
    it(`${name} says of every value why`, () => {
      const lines = textOf(name)
        .replace(/^ {2}"tests": \[[\s\S]*/m, '')
        .split('\n');
      for (const [index, line] of lines.entries()) {
        if (!/^\s+"(?!\$schema|extends)[^"]+": [^{]/.test(line)) continue;
        assert.match(lines[index - 1] ?? '', /^\s+\/\/ /, line);
      }
    });

    it(`${name} points editors to the schema beside it`, () => {
      assert.equal(fileOf(name).$schema, './policy.schema.json');
    });
  }

  for (const name of shippedNames().filter((name) => name !== 'default')) {
    it(`${name} passes its tests and leaves no doubt`, () => {
      const { policy, files, doubts } = loadTrustedPolicy(name);
      assert.deepEqual({ name: policy.name, files, doubts }, { name, files: [], doubts: [] });
      assert.equal(new Set(Object.values(policy.origins)).has(name), true);
    });

    it(`${name} can be extended by a site that only adds its hosts`, () => {
      const site = policyFrom(
        Buffer.from(`{"extends": "${name}", "request": {"hosts": ["shop.example"]}}`),
        'site.json',
      );
      const { request, timeouts } = loadPolicy(name);
      assert.deepEqual(site.request, { ...request, hosts: ['shop.example'] });
      assert.deepEqual(site.timeouts, timeouts);
    });

    for (const { pointer, change, file } of changes(name)) {
      it(`${name} has a test that fails with ${pointer} ${change}`, () => {
        const policy = putInForce(policyFrom(Buffer.from(JSON.stringify(file)), `${name}.json`));
        const results = runTests(file.tests ?? [], policy, parserContext());
        assert.ok(results.some(({ problem }) => problem !== null));
      });
    }
  }
});

type Change = { readonly pointer: string; readonly change: string; readonly file: PolicyFile };

/** The file with each of its values changed as little as can be. */
function changes(name: string): readonly Change[] {
  return pointersOf(fileOf(name)).flatMap((pointer) => {
    const value = valueAt(fileOf(name), pointer);
    return otherValues(name, pointer, value).map(({ change, other }) => {
      const file = fileOf(name);
      const path = pointer.split('/').slice(1);
      const parent = valueAt(file, `/${path.slice(0, -1).join('/')}`) as Record<string, unknown>;
      parent[path.at(-1) ?? ''] = other;
      return { pointer, change, file };
    });
  });
}

function pointersOf(part: unknown, pointer = ''): readonly string[] {
  if (['/$schema', '/extends', '/tests'].includes(pointer) || beyondTests.test(pointer)) return [];
  if (typeof part !== 'object' || part === null || Array.isArray(part)) return [pointer];
  return Object.entries(part).flatMap(([key, inner]) => pointersOf(inner, `${pointer}/${key}`));
}

function valueAt(file: unknown, pointer: string): unknown {
  const names = pointer.split('/').filter((name) => name !== '');
  return names.reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], file);
}

function otherValues(name: string, pointer: string, value: unknown): readonly { change: string; other: unknown }[] {
  const key = policyKeys[pointer as PolicyPointer];
  if (key.kind === 'size' || key.kind === 'count') {
    // Gunicorn's limits of one line and of their number are reached before their product is, so this one never binds.
    if (name === 'gunicorn' && pointer === '/request/fields/maxTotalBytes') {
      return [{ change: 'as by default', other: '64KiB' }];
    }
    const number = typeof value === 'number' ? value : (parseSize(String(value)) ?? 0);
    const around = [number - 1, number + 1].filter((other) => other >= key.minimum && other <= key.maximum);
    return around.map((other) => ({ change: `${other}`, other }));
  }
  if (key.kind === 'choice') {
    return key.values.filter((other) => other !== value).map((other) => ({ change: `"${other}"`, other }));
  }
  assert.equal(key.kind, 'list', pointer);
  const list = value as readonly string[];
  const without = list.map((left) => ({ change: `without ${left}`, other: list.filter((item) => item !== left) }));
  const known = key.kind === 'list' ? key.values : [];
  // Those of the default, which a site may expect to be allowed.
  const usual = ['PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter((item) => known.includes(item) && !list.includes(item));
  return [...without, ...usual.map((item) => ({ change: `with ${item}`, other: [...list, item] }))];
}

describe('the examples', () => {
  const directory = join(root, 'examples/policies');
  for (const name of readdirSync(directory)) {
    it(`${name} is a policy`, () => {
      const origins = Object.values(loadPolicy(join(directory, name)).origins);
      assert.ok(origins.some((origin) => origin !== 'default'));
    });
  }
});
