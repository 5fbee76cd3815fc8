import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadPolicy, policyFiles, policyFrom } from '../../src/policy/load.ts';
import { PolicyError } from '../../src/policy/mistake.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { shippedNames } from '../../src/policy/shipped.ts';

const top = mkdtempSync(join(tmpdir(), 'portcullis-extend-'));
after(() => rmSync(top, { recursive: true, force: true }));
const secret = 'do not print me';
writeFileSync(join(top, 'outside.json'), `{ "${secret}": 1 }`);
let folders = 0;

/** A new folder with these files, links where the content is an arrow. Gives its path. */
function folderWith(files: Readonly<Record<string, string>>): string {
  folders += 1;
  const folder = join(top, `site-${folders}`);
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (content.startsWith('-> ')) symlinkSync(content.slice(3), path);
    else writeFileSync(path, content);
  }
  return folder;
}

/** The message for `site.json` in such a folder, the folder's path left out. */
function refusal(files: Readonly<Record<string, string>>): string {
  const folder = folderWith(files);
  try {
    loadPolicy(join(folder, 'site.json'));
  } catch (error) {
    assert.ok(error instanceof PolicyError, String(error));
    return error.message.replaceAll(`${folder}/`, '');
  }
  return assert.fail('not refused');
}

/** The first line of it, which must be of `site.json`, and be followed by the line of `extends` there. */
function refusalOfExtends(target: string, files: Readonly<Record<string, string>> = {}): string {
  const text = `{ "extends": ${JSON.stringify(target)} }`;
  const [first = '', shown, caret] = refusal({ ...files, 'site.json': text }).split('\n');
  assert.equal(shown, `   1 | ${text}`);
  assert.equal(caret, `     |${' '.repeat(14)}^`);
  assert.ok(first.startsWith('site.json:1:14: /extends: '), first);
  return first.slice('site.json:1:14: /extends: '.length);
}

describe('a policy that extends another', () => {
  it('has the values of the nearest file, a list as one, and says of each where it stands', () => {
    const folder = folderWith({
      'site.json': '{ "extends": "./teams/web.yaml",\n  "request": { "hosts": ["a.example"] } }',
      'teams/web.yaml':
        'extends: ../company.json\nrequest:\n  hosts: [b.example, c.example]\n  line: { maxBytes: 2KiB }\n',
      'company.json': '{\n  "request": { "line": { "maxBytes": "1KiB" } },\n  "queue": { "max": 7 }\n}',
    });
    const policy = loadPolicy(join(folder, 'site.json'));
    assert.equal(policy.name, 'site');
    assert.deepEqual(policy.request.hosts, ['a.example']);
    assert.equal(policy.request.lineBytes, 2048);
    assert.equal(policy.queue.max, 7);
    assert.equal(policy.request.fieldCount, 100);
    assert.equal(policy.origins['/request/hosts'], `${folder}/site.json:2:16`);
    assert.equal(policy.origins['/request/line/maxBytes'], `${folder}/teams/web.yaml:4:11`);
    assert.equal(policy.origins['/queue/max'], `${folder}/company.json:3:14`);
    assert.equal(policy.origins['/request/fields/maxCount'], 'default');
  });

  it('extends the default where it says so, and where it says nothing', () => {
    const values = ({ origins: _, ...rest }: Policy): unknown => rest;
    const byName = policyFrom(Buffer.from('{ "extends": "default" }'), 'site.json');
    assert.deepEqual(byName, policyFrom(Buffer.from('{}'), 'site.json'));
    assert.deepEqual(values(byName), { ...(values(loadPolicy(null)) as object), name: 'site' });
  });

  for (const name of shippedNames()) {
    it(`may extend ${name} by its name, from a file and from bytes alone`, () => {
      const text = `{ "extends": "${name}", "queue": { "max": 9 } }`;
      const policy = policyFrom(Buffer.from(text), 'site.json');
      assert.equal(policy.queue.max, 9);
      assert.ok(Object.values(policy.origins).includes(name));
      assert.deepEqual(loadPolicy(join(folderWith({ 'site.json': text }), 'site.json')).request, policy.request);
    });
  }

  it('may extend a file whose name looks like that of the folder above', () => {
    const folder = folderWith({
      'site.json': '{ "extends": "./..base.json" }',
      '..base.json': '{ "queue": { "max": 5 } }',
    });
    assert.equal(loadPolicy(join(folder, 'site.json')).queue.max, 5);
  });

  it('may be mounted, with links that stay inside the folder', () => {
    const folder = folderWith({
      '..data': '-> ..2026',
      'site.json': '-> ..data/site.json',
      'base.json': '-> ..data/base.json',
      '..2026/site.json': '{ "extends": "./base.json" }',
      '..2026/base.json': '{ "queue": { "max": 6 } }',
    });
    assert.equal(loadPolicy(join(folder, 'site.json')).origins['/queue/max'], `${folder}/base.json:1:14`);
  });

  it('may be named by a path relative to the working directory', () => {
    const folder = folderWith(chainOf(2));
    const before = process.cwd();
    process.chdir(folder);
    try {
      assert.equal(loadPolicy('site.json').origins['/queue/max'], 'f2.json:1:14');
    } finally {
      process.chdir(before);
    }
  });

  it('may have seven files behind it', () => {
    const files = chainOf(8);
    assert.equal(loadPolicy(join(folderWith(files), 'site.json')).queue.max, 8);
  });
});

describe('the files of a policy', () => {
  const filesOf = (files: Readonly<Record<string, string>>): readonly string[] => {
    const folder = folderWith(files);
    return policyFiles(join(folder, 'site.json')).map((path) => path.replace(`${folder}/`, ''));
  };

  it('are those of its chain, by the paths that lead to them, without the shipped ones', () => {
    const files = {
      'site.json': '{ "extends": "./teams/web.yaml" }',
      'teams/web.yaml': 'extends: ../company.json',
      'company.json': '-> real.json',
      'real.json': '{ "extends": "default" }',
    };
    assert.deepEqual(filesOf(files), ['site.json', 'teams/web.yaml', 'company.json']);
  });

  it('end with the one that is missing or wrong, whose change is waited for', () => {
    assert.deepEqual(filesOf({}), ['site.json']);
    assert.deepEqual(filesOf({ 'site.json': '{ "extends"' }), ['site.json']);
    assert.deepEqual(filesOf({ 'site.json': '{ "extends": "./gone.json" }' }), ['site.json', 'gone.json']);
    const wrong = { 'site.json': '{ "extends": "./base.json" }', 'base.json': '{ "queue": 1 }' };
    assert.deepEqual(filesOf(wrong), ['site.json', 'base.json']);
    assert.deepEqual(filesOf({ 'site.json': '{ "extends": "../outside.json" }' }), ['site.json']);
  });
});

/** `site.json` and the files that it extends, as many as asked for. */
function chainOf(length: number): Record<string, string> {
  const name = (index: number): string => (index === 1 ? 'site.json' : `f${index}.json`);
  return Object.fromEntries(
    Array.from({ length }, (_, index) => [
      name(index + 1),
      index + 1 === length ? `{ "queue": { "max": ${length} } }` : `{ "extends": "./${name(index + 2)}" }`,
    ]),
  );
}

describe('a policy is refused that extends', () => {
  const names = shippedNames()
    .map((name) => `"${name}"`)
    .join(', ');

  it('no shipped policy, with the nearest name', () => {
    const expected = `expected ${names} or a relative path such as "./base.json"`;
    assert.equal(refusalOfExtends('defautl'), `${expected}, found "defautl"; did you mean "default"?`);
    assert.equal(refusalOfExtends('base.json'), `${expected}, found "base.json"; did you mean "./base.json"?`);
    assert.equal(
      refusalOfExtends('strict.json'),
      `${expected}, found "strict.json"; did you mean "strict" or "./strict.json"?`,
    );
    assert.equal(refusalOfExtends(''), `${expected}, found ""`);
    assert.equal(refusalOfExtends('policy.schema'), `${expected}, found "policy.schema"`);
  });

  it('an absolute path, even into its own folder', () => {
    const found = refusalOfExtends(join(top, 'outside.json'));
    assert.ok(
      found.startsWith(`expected ${names} or a relative path such as "./base.json", found "${top.slice(0, 20)}`),
    );
  });

  it('a path that leaves the folder, whether or not there is a file', () => {
    for (const target of ['../outside.json', '../nothing.json', './../outside.json', './a/../../outside.json', '../']) {
      const expected = `expected a file in the folder of site.json or below, found "${target}"`;
      assert.equal(refusalOfExtends(target, { 'a/b.json': '{}' }), expected);
    }
  });

  it('a path that leaves the folder from one of its own folders', () => {
    const message = refusal({
      'site.json': '{ "extends": "./a/b.json" }',
      'a/b.json': '{ "extends": "../../outside.json" }',
    });
    assert.match(message, /^a\/b\.json:1:14: \/extends: expected a file in the folder of site\.json or below/);
    assert.ok(!message.includes(secret));
  });

  it('a link that leaves the folder, without a word of what is there', () => {
    for (const [target, files] of [
      ['./link.json', { 'link.json': '-> ../outside.json' }],
      ['./link/outside.json', { link: '-> ..' }],
      ['./first.json', { 'first.json': '-> second.json', 'second.json': `-> ${top}/outside.json` }],
    ] as const) {
      const expected = `expected a file in the folder of site.json or below, found "${target}", which is a link to elsewhere`;
      assert.equal(refusalOfExtends(target, files), expected);
    }
  });

  it('a file that cannot be read, at the place where it is named', () => {
    const unreadable = [
      ['./none.json', {}, 'there is no such file'],
      ['./folder', { 'folder/base.json': '{}' }, 'this is a directory, not a policy file'],
      ['./loop.json', { 'loop.json': '-> loop.json' }, 'too many symbolic links'],
      ['./huge.json', { 'huge.json': ' '.repeat(1024 * 1024 + 1) }, 'larger than 1048576 bytes, which no policy is'],
    ] as const;
    for (const [target, files, problem] of unreadable) {
      assert.equal(refusalOfExtends(target, files), `expected a policy file at ${target.slice(2)}: ${problem}`);
    }
    assert.match(refusalOfExtends('./a\0b'), /^expected a policy file at a\\u0000b: it cannot be read/);
  });

  it('itself, or a chain that comes back, with the chain', () => {
    assert.equal(refusalOfExtends('./site.json'), 'expected a chain that ends, found site.json > site.json');
    const message = refusal({
      'site.json': '{ "extends": "./a.yaml" }',
      'a.yaml': 'extends: ./b.json\n',
      'b.json': '{\n  "extends": "./link.json"\n}',
      'link.json': '-> site.json',
    });
    assert.equal(
      message,
      [
        'b.json:2:14: /extends: expected a chain that ends, found site.json > a.yaml > b.json > link.json',
        '   2 |   "extends": "./link.json"',
        '     |              ^',
      ].join('\n'),
    );
  });

  it('more than seven files, with the chain', () => {
    assert.match(
      refusal(chainOf(9)),
      /^f8\.json:1:14: \/extends: expected a chain of at most 8 files, found site\.json > f2\.json > .* > f9\.json\n/,
    );
  });

  it('a file with mistakes, which are shown in that file', () => {
    assert.equal(
      refusal({ 'site.json': '{ "extends": "./base.yaml" }', 'base.yaml': 'queue:\n  max: 0\n' }),
      [
        'base.yaml:2:8: /queue/max: expected a whole number of requests from 1 to 1048576, found 0',
        '   2 |   max: 0',
        '     |        ^',
      ].join('\n'),
    );
    assert.match(
      refusal({ 'site.json': '{ "extends": "./base.json" }', 'base.json': '{ "queue" }' }),
      /^base\.json:1:11: this is not JSON: expected a colon/,
    );
  });

  it('a file, where its own mistakes come first', () => {
    const message = refusal({ 'site.json': '{ "extends": "./base.json", "queue": 1 }', 'base.json': '{ "queue" }' });
    assert.match(message, /^site\.json:1:38: \/queue: /);
  });

  it('a file, where there is no folder to start from', () => {
    assert.throws(
      () => policyFrom(Buffer.from('{ "extends": "./base.json" }'), join(top, 'site.json')),
      /:1:14: \/extends: expected the name of a shipped policy, because this one is in no folder, found "\.\/base\.json"/,
    );
  });
});
