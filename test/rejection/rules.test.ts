import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { statusText } from '../../src/http1/status-text.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { policyKeys } from '../../src/policy/policy-file.generated.ts';
import { reject } from '../../src/rejection/rejection.ts';
import { type Rule, type RuleId, rules } from '../../src/rejection/rules.ts';
import { mountAt } from '../../src/upstream/mount.ts';
import { TestEdge } from '../connection/edge-harness.ts';
import { parserCaseFiles, parserCases } from '../http1/parser-cases.ts';
import { inspectCaseFiles, inspectCases } from '../inspect/inspect-cases.ts';
import type { RawClient } from '../support/raw-client.ts';
import { NodeHarness } from '../upstream/node-harness.ts';

const ids = Object.keys(rules) as RuleId[];
const fromCases = [...parserCaseFiles.flatMap(parserCases), ...inspectCaseFiles.flatMap(inspectCases)].flatMap(
  ({ rejected }) => (rejected === undefined ? [] : [rejected]),
);

let edge: TestEdge;
let workers: NodeHarness | undefined;
async function start(
  change: (policy: Policy) => Policy = (policy) => policy,
  node?: NodeHarness,
  mount = '',
): Promise<TestEdge> {
  workers = node;
  edge = await new TestEdge(change, node?.dispatcher, mountAt(mount)).listen();
  return edge;
}

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** What breaks each rule that no head and no content can break. Each gives the client that sees the answer. */
const triggers: Readonly<Partial<Record<RuleId, () => Promise<RawClient>>>> = {
  'timeout.head': async () => late(await (await start()).client('GET / HTTP/1.1\r\n'), 10_000),
  'timeout.content': async () => {
    const client = await (await start()).client('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n');
    (await edge.request()).start();
    return late(client, 15_000);
  },
  'timeout.keep-alive': async () => {
    const client = await (await start()).client(get);
    (await edge.request()).start().respond('200 OK\0', 'x');
    await client.receive(/x$/);
    return late(client, 5000);
  },
  'timeout.write': async () => {
    const client = await (await start()).client();
    client.socket.pause();
    client.send(get);
    (await edge.request()).start().respond('200 OK\0', Buffer.alloc(20_000_000));
    await late(client, 30_000);
    client.socket.resume();
    return client;
  },
  'timeout.worker': async () => {
    const client = await (await start()).client(get);
    (await edge.request()).start();
    return late(client, 30_000);
  },
  'timeout.queue': async () => {
    const client = await (await start()).client(get);
    await edge.request();
    return late(client, 10_000);
  },
  'worker.failed': async () => {
    const node = new NodeHarness();
    const worker = await node.addWorker();
    const client = await (await start((policy) => policy, node)).client('GET /exits HTTP/1.1\r\nHost: a\r\n\r\n');
    await worker.exited;
    return client;
  },
  'connections.too-many': async () => {
    await start((policy) => ({ ...policy, connections: { max: 1 } }));
    await edge.client();
    return edge.client();
  },
  'target.not-mounted': async () => (await start(undefined, undefined, '/app')).client(get),
  'overload.queue': async () => (await start((policy) => policy, new NodeHarness({ queueMax: 0 }))).client(get),
};

/** Lets the deadline pass once what was sent has been read. */
async function late(client: RawClient, milliseconds: number): Promise<RawClient> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  edge.pass(milliseconds + 400);
  return client;
}

/** These close and say nothing: where a client sent no head, and where it reads none. */
const silent: readonly RuleId[] = ['timeout.keep-alive', 'timeout.write', 'connections.too-many'];
/** An idle connection that ends is nothing to tell an operator. */
const unlogged: readonly RuleId[] = ['timeout.keep-alive'];

describe('each rule', () => {
  it('is broken by a case, and no case names one that is not there', () => {
    const broken = new Set<string>([...fromCases, ...Object.keys(triggers)]);
    assert.deepEqual(
      [...broken].filter((id) => !ids.includes(id as RuleId)),
      [],
    );
    assert.deepEqual(
      ids.filter((id) => !broken.has(id)),
      [],
    );
  });

  it('has an id of family and fault', () => {
    for (const id of ids) assert.match(id, /^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$/);
  });

  it('names its source and, if a policy can allow it, the policy’s key', () => {
    for (const [id, { source, pointer }] of Object.entries(rules) as [RuleId, Rule][]) {
      assert.match(source, /^RFC \d{4} section \d+(\.\d+)*$/, id);
      if (pointer !== null) assert.ok(pointer in policyKeys, `${id}: ${pointer}`);
    }
  });

  it('has a status whose reason is known, or none', () => {
    for (const [id, { status }] of Object.entries(rules) as [RuleId, Rule][]) {
      if (status !== null) assert.notEqual(statusText(status), 'Error', id);
    }
  });
});

describe('a rule that sockets break has its status and its log line', () => {
  afterEach(async () => {
    await edge.stop();
    await workers?.stop();
  });

  for (const [id, trigger] of Object.entries(triggers) as [RuleId, () => Promise<RawClient>][]) {
    it(id, async () => {
      const { status } = rules[id];
      const client = await trigger();
      if (silent.includes(id)) assert.doesNotMatch(await client.receiveAll(), /HTTP\/1\.1 [45]/);
      else await client.receive(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*\\(${id}\\)\n$`));
      const isLogged = edge.lines.some((line) => line.includes(id));
      assert.equal(isLogged, !unlogged.includes(id), edge.lines.join(' | '));
    });
  }
});

describe('a rejection', () => {
  it('takes status and pointer from its rule', () => {
    for (const id of ids) {
      const { status, pointer } = rules[id];
      assert.deepEqual(reject(id, 'why'), { rule: id, status, pointer, detail: 'why' });
    }
  });
});
