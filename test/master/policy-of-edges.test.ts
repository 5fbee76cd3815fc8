import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChildState } from '../../src/master/child-handle.ts';
import { type PolicyEdge, PolicyOfEdges } from '../../src/master/policy-of-edges.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { within } from '../support/deadline.ts';

const first = loadPolicy(null);
const second = { ...first, name: 'second' };
const limitMs = 20;

class StubEdge implements PolicyEdge {
  state: ChildState = 'serving';
  readonly told: [number, string][] = [];
  killedBecause: string | null = null;
  /** Runs where the policy is told, or the process killed. */
  onAdopt: (version: number) => void = () => {};
  onKill: () => void = () => {};

  adopt(version: number, { name }: { readonly name: string }): void {
    this.told.push([version, name]);
    this.onAdopt(version);
  }

  kill(reason: string): void {
    this.killedBecause = reason;
    this.onKill();
  }
}

/** Whether it has come so far, as far as a few turns can tell. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('a policy is in force', () => {
  it('when every edge has answered, or is gone', async () => {
    const policy = new PolicyOfEdges(first);
    const edges = [new StubEdge(), new StubEdge()] as const;
    const replaced = policy.replace(second, edges);
    assert.deepEqual(
      edges.map(({ told }) => told),
      [[[2, 'second']], [[2, 'second']]],
    );
    assert.equal(policy.policy, second);
    policy.adopted(edges[0], 2);
    assert.equal(await isSettled(replaced), false);
    policy.gone(edges[1]);
    assert.equal(await replaced, 1);
  });

  it('at once where there is no edge', async () => {
    assert.equal(await new PolicyOfEdges(first).replace(second, []), 0);
  });

  it('also where an edge answers while it is told', async () => {
    const policy = new PolicyOfEdges(first);
    const edge = new StubEdge();
    edge.onAdopt = (version) => policy.adopted(edge, version);
    assert.equal(await policy.replace(second, [edge]), 1);
  });

  it('not by an answer to an older one', async () => {
    const policy = new PolicyOfEdges(first);
    const edge = new StubEdge();
    const replaced = policy.replace(second, [edge]);
    policy.adopted(edge, 1);
    assert.equal(await isSettled(replaced), false);
    policy.adopted(edge, 2);
    assert.equal(await replaced, 1);
  });

  it('once an edge that does not answer is killed', async () => {
    const policy = new PolicyOfEdges(first, limitMs);
    const edge = new StubEdge();
    edge.onKill = () => policy.gone(edge);
    const replaced = within(5_000, policy.replace(second, [edge]), () => 'the edge lives on');
    assert.equal(await replaced, 0);
    assert.match(edge.killedBecause ?? '', /^did not adopt the policy within 0\.02 s$/);
  });

  it('however long an edge boots, which has a deadline of its own', async () => {
    const policy = new PolicyOfEdges(first, limitMs);
    const booting = new StubEdge();
    booting.state = 'booting';
    const deaf = new StubEdge();
    const replaced = policy.replace(second, [booting, deaf]);
    await new Promise<void>((resolve) => {
      deaf.onKill = resolve;
    });
    policy.gone(deaf);
    assert.equal(booting.killedBecause, null);
    policy.adopted(booting, 2);
    assert.equal(await replaced, 1);
  });
});
