import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { portcullis } from '../../bench/lives/contender.ts';
import type { Life } from '../../bench/lives/life.ts';
import { lives } from '../../bench/lives/lives.ts';
import { misses } from '../../bench/lives/outcome.ts';
import { runLife } from '../../bench/lives/run-life.ts';
import { startProgram } from '../support/program.ts';

/** The rows of `npm run bench -- --only lives` (docs/lives.md), each a few times: what is counted there is asserted here. */
const contender = portcullis(startProgram);
const own = lives.filter(({ kinds }) => kinds.includes('portcullis'));

/** Clocks are for the benchmark: a machine that runs all the tests is too busy for them. */
function untimed(life: Life): Life {
  return {
    ...life,
    act: async (stage) => {
      const act = await life.act(stage);
      return { ...act, measures: (act.measures ?? []).map(({ most: _, ...measure }) => measure) };
    },
  };
}

describe('requests under load fail only where they have to, while', () => {
  for (const life of own) {
    it(life.name, async (context) => {
      const figures = await runLife(untimed(life), contender, 'short', false);
      if (figures.type === 'not-run' && life.needsRoot === true && process.getuid?.() !== 0) {
        return context.skip(figures.why);
      }
      assert.ok(figures.type === 'lived', figures.type === 'not-run' ? figures.why : '');
      const shown = JSON.stringify(figures.failures.slice(0, 5));
      assert.deepEqual(misses(figures), [], shown);
      assert.ok(figures.sent > 100 || life.name.startsWith('the master'), `${figures.sent} requests alone`);
    });
  }
});
