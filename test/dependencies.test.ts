import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const root = new URL('..', import.meta.url);
const page = readFileSync(new URL('docs/dependencies.md', root), 'utf8');
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};
const versions = { ...manifest.dependencies, ...manifest.devDependencies };

describe('the dependencies', () => {
  for (const name of ['lib/llhttp/llhttp-wasm.js', 'lib/llhttp/llhttp_simd-wasm.js']) {
    it(`include ${name} with the SHA-256 that is recorded`, () => {
      const bytes = readFileSync(new URL(`node_modules/undici/${name}`, root));
      const recorded = new RegExp(`\\| ${name} \\| ([0-9a-f]{64}) \\|`).exec(page)?.[1];
      assert.equal(createHash('sha256').update(bytes).digest('hex'), recorded);
    });
  }

  it('have exact versions', () => {
    for (const [name, version] of Object.entries(versions)) assert.match(version, /^\d+\.\d+\.\d+$/, name);
  });

  it('each have their line in docs/dependencies.md, and the page has no other', () => {
    const listed = [...page.matchAll(/^\| (\S+) \| (\d+\.\d+\.\d+) \|/gm)].map(([, name, version]) => [name, version]);
    assert.deepEqual(Object.fromEntries(listed), versions);
  });

  it('do not include the package named llhttp', () => {
    const lock = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8')) as { packages: object };
    assert.ok(!Object.keys(lock.packages).some((path) => path.endsWith('node_modules/llhttp')));
  });

  it('are never asked to parse leniently', () => {
    const folder = new URL('src/', root);
    for (const name of readdirSync(folder, { recursive: true }).map(String)) {
      if (!name.endsWith('.ts')) continue;
      assert.doesNotMatch(readFileSync(new URL(name, folder), 'utf8'), /llhttp_set_lenient/, name);
    }
  });
});
