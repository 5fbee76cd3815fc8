import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Input, nextState, type State } from '../../src/connection/state.ts';

const states: readonly State[] = [
  ...(['idle', 'receiving-head', 'receiving-content', 'responding', 'refusing', 'lingering', 'closed'] as const),
];
const inputs: readonly Input[] = [
  ...(['first-byte', 'head', 'end-of-message', 'response-sent', 'last-response-sent', 'rejected'] as const),
  ...(['refusal-sent', 'destroyed'] as const),
];

/** Where an input leads; undefined where the pair is our own mistake. */
function next(state: State, input: Input): State | undefined {
  try {
    return nextState(state, input);
  } catch {
    return undefined;
  }
}

const steps = states.flatMap((from) => inputs.map((input) => ({ from, input, to: next(from, input) })));

function reachableFrom(start: State): Set<State> {
  const found = new Set<State>([start]);
  for (const from of found)
    for (const step of steps) if (step.from === from && step.to !== undefined) found.add(step.to);
  return found;
}

describe('the states of a connection', () => {
  it('are all reached from idle, and closed from all', () => {
    assert.deepEqual([...reachableFrom('idle')].sort(), [...states].sort());
    for (const state of states) assert.ok(reachableFrom(state).has('closed'), state);
  });

  it('have one way back to idle: the response was sent', () => {
    const back = steps.filter(({ to }) => to === 'idle');
    assert.deepEqual(back, [{ from: 'responding', input: 'response-sent', to: 'idle' }]);
  });

  it('lead from a refusal to nothing but lingering and the end', () => {
    assert.deepEqual([...reachableFrom('refusing')].sort(), ['closed', 'lingering', 'refusing']);
    assert.deepEqual([...reachableFrom('lingering')].sort(), ['closed', 'lingering']);
    assert.deepEqual([...reachableFrom('closed')], ['closed']);
  });

  it('take a refusal before the first byte and until the response is out', () => {
    const refused = steps.filter(({ input, to }) => input === 'rejected' && to !== undefined).map(({ from }) => from);
    assert.deepEqual(refused, ['idle', 'receiving-head', 'receiving-content', 'responding']);
  });

  it('take the end of the connection at any time', () => {
    for (const state of states) assert.equal(nextState(state, 'destroyed'), 'closed');
  });

  it('throw on what cannot be, and say what it was', () => {
    assert.throws(() => nextState('idle', 'head'), /^Error: no transition from idle on head$/);
    assert.throws(() => nextState('lingering', 'first-byte'), /no transition from lingering on first-byte/);
  });
});
