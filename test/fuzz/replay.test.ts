import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Seed } from '../../fuzz/seeds/cases.ts';

/** `finish`: for what a target checks of many inputs at once. */
type Target = { readonly fuzz: (data: Buffer) => void; readonly finish?: () => void };

/** Without the fuzzing engine: every seed, and every input that once broke an invariant, holds to all of them. */
const folder = new URL('../../fuzz/', import.meta.url);
const targets = readdirSync(folder)
  .filter((name) => name.endsWith('.fuzz.ts'))
  .map((name) => name.replace('.fuzz.ts', ''));

describe('the fuzz targets', () => {
  it('are the seven that stand at a trust boundary', () => {
    assert.deepEqual(targets.sort(), [
      'environ',
      'frame',
      'policy',
      'proxy-header',
      'request-parser',
      'response-head',
      'uwsgi-response',
    ]);
  });

  for (const target of targets) {
    it(`${target} holds for its seeds and for all that was ever found`, async () => {
      const { fuzz, finish } = (await import(`../../fuzz/${target}.fuzz.ts`)) as Target;
      const { seeds } = (await import(`../../fuzz/seeds/${target}.ts`)) as { seeds: () => readonly Seed[] };
      const inputs = [...seeds(), ...regressions(target)];
      assert.ok(inputs.length > 0);
      for (const { name, bytes } of inputs) {
        assert.doesNotThrow(() => fuzz(Buffer.from(bytes)), name);
      }
      assert.doesNotThrow(() => finish?.());
    });
  }
});

function regressions(target: string): readonly Seed[] {
  const cases = new URL(`regressions/${target}/`, folder);
  if (!existsSync(cases)) return [];
  return readdirSync(cases).map((name) => ({ name, bytes: readFileSync(new URL(name, cases)) }));
}
