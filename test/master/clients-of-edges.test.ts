import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { ClientCount } from '../../src/admit/client-key.ts';
import { ClientsOfEdges, type CountingEdge } from '../../src/master/clients-of-edges.ts';

class Edge implements CountingEdge {
  readonly others = new Map<string, number>();
  surplus: readonly ClientCount[] = [];
  told = 0;

  countClients(others: readonly ClientCount[], surplus: readonly ClientCount[]): void {
    for (const [client, count] of others) this.others.set(client, count);
    this.surplus = surplus;
    this.told += 1;
  }
}

describe('connections of a client with all edges together', () => {
  let left: Edge;
  let right: Edge;
  let edges: Edge[];
  let clients: ClientsOfEdges<Edge>;
  beforeEach(() => {
    [left, right] = [new Edge(), new Edge()];
    edges = [left, right];
    clients = new ClientsOfEdges(10, () => edges);
  });

  it('are nobody’s business up to half of what it may have', () => {
    clients.report(left, [['a', 3]]);
    clients.report(right, [['a', 2]]);
    assert.deepEqual([left.told, right.told], [0, 0]);
  });

  it('are told to each edge that has another number of its own, and no other client’s are', () => {
    clients.report(left, [
      ['a', 3],
      ['b', 1],
    ]);
    clients.report(right, [['a', 3]]);
    assert.deepEqual([...left.others], [['a', 3]]);
    assert.deepEqual([...right.others], [['a', 3]]);
    clients.report(right, [['a', 4]]);
    assert.deepEqual([...left.others], [['a', 4]]);
    assert.equal(right.told, 1, 'it knows its own');
  });

  it('count no more when they are few again', () => {
    clients.report(left, [['a', 6]]);
    assert.equal(right.others.get('a'), 6);
    clients.report(left, [['a', 5]]);
    assert.equal(right.others.get('a'), 0);
    clients.report(left, [['a', 0]]);
    assert.equal(right.told, 2);
  });

  it('that two edges let in at the same moment are closed by whoever tells of them last', () => {
    clients.report(left, [['a', 8]]);
    clients.report(right, [['a', 7]]);
    assert.deepEqual(left.surplus, []);
    assert.deepEqual(right.surplus, [['a', 5]]);
    assert.equal(right.others.get('a'), 8);
    clients.report(left, [['a', 9]]);
    assert.deepEqual(left.surplus, [['a', 1]], 'those of the right are as good as closed');
    right.surplus = [];
    clients.report(right, [['a', 2]]);
    assert.deepEqual(right.surplus, []);
  });

  it('are closed by one edge no more than it has', () => {
    clients.report(left, [['a', 10]]);
    clients.adopt(5);
    clients.report(right, [['a', 2]]);
    assert.deepEqual(right.surplus, [['a', 2]]);
  });

  it('are told to an edge that is new, and forgotten with one that is gone', () => {
    clients.report(left, [['a', 9]]);
    const third = new Edge();
    edges = [left, right, third];
    clients.joined(third);
    assert.deepEqual([...third.others], [['a', 9]]);
    edges = [right, third];
    clients.gone(left);
    assert.equal(right.others.get('a'), 0);
    assert.equal(third.others.get('a'), 0);
  });
});
