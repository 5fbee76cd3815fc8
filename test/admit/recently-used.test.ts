import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RecentlyUsed, Used } from '../../src/admit/recently-used.ts';

class Item extends Used {}

type Step = { readonly does: 'ask' | 'delete'; readonly key: string };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({ does: fc.constantFrom('ask', 'ask', 'ask', 'delete'), key: fc.constantFrom(...'abcdefgh') }),
);

describe('RecentlyUsed', () => {
  it('holds those that were asked for last, whatever came before', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), (all, max, later) => {
        const items = new RecentlyUsed<Item>(max);
        /** The oldest first. */
        let expected: string[] = [];
        for (const { does, key } of all) {
          const item = items.get(key);
          assert.equal(item !== undefined, expected.includes(key), key);
          expected = expected.filter((other) => other !== key);
          if (does === 'ask') {
            if (item === undefined) items.add(key, new Item());
            expected = [...expected, key].slice(-max);
          } else if (item !== undefined) {
            items.delete(item);
          }
          assert.equal(items.size, expected.length);
        }
        items.bound(later);
        assert.deepEqual([...items.values()].map(({ key }) => key).sort(), expected.slice(-later).sort());
      }),
    );
  });

  it('leaves the value that took the place of another', () => {
    const items = new RecentlyUsed<Item>(1);
    const first = new Item();
    items.add('a', first);
    items.add('b', new Item());
    items.add('a', new Item());
    items.delete(first);
    assert.equal(items.size, 1);
  });

  it('is as new once it was cleared', () => {
    const items = new RecentlyUsed<Item>(2);
    items.add('a', new Item());
    items.clear();
    for (const key of 'abc') items.add(key, new Item());
    assert.deepEqual(
      [...items.values()].map(({ key }) => key),
      ['b', 'c'],
    );
  });
});
