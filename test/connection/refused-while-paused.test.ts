import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Policy, RateLimit } from '../../src/policy/policy.ts';
import { reject } from '../../src/rejection/rejection.ts';
import { TestEdge } from './edge-harness.ts';

const ok = '200 OK\0';
const next = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n';
const limit: RateLimit = {
  name: 'per-key',
  key: 'header:x-key',
  requests: 1,
  perMs: 60_000,
  burst: 1,
  blockMs: 0,
  cost: 1,
  accuracy: 'exact',
};

let edge: TestEdge;
afterEach(() => edge.stop());

async function start(change: Partial<Policy> = {}): Promise<TestEdge> {
  edge = await new TestEdge((policy) => ({ ...policy, ...change })).listen();
  return edge;
}

function post(path: string, bytes: number, fields = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n${fields}\r\n`;
}

/** A refusal that leaves the connection open promised to read what is left of the content, also of a client held back. */
describe('a request whose content is held back when it is refused', () => {
  it('by a rate limit, makes room for the next one', async () => {
    await start({ rateLimits: [limit] });
    let takes = 0;
    edge.onTake = (_, __, tokens) => (takes++ === 0 ? [0, 60_000] : [tokens, 0]);
    // The first piece comes with the head, and has nowhere to go while the master is asked.
    const client = await edge.client(`${post('/', 10, 'X-Key: spent\r\n')}hello`);
    assert.doesNotMatch(await client.receive(/rate\.exceeded\)\n$/), /\r\nConnection: close\r\n/);
    client.send(`world${next}`);
    (await edge.request()).start().respond(ok, 'next');
    await client.receive(/next$/);
  });

  it('by a worker that failed, makes room for the next one', async () => {
    await start();
    const window = edge.edge.policy.general.request.contentMemoryBytes;
    const client = await edge.client(post('/', 2 * window));
    const request = (await edge.request()).start();
    // More than was granted: what is beyond it is kept, and the client is read no further.
    client.send('x'.repeat(window + 1));
    await edge.until(() => request.content.length === window, 'a window of content');
    request.fail(reject('worker.failed', 'the worker died'));
    assert.doesNotMatch(await client.receive(/worker\.failed\)\n$/), /\r\nConnection: close\r\n/);
    client.send('x'.repeat(window - 1) + next);
    (await edge.request(1)).start().respond(ok, 'next');
    await client.receive(/next$/);
  });
});
