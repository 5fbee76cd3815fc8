import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import { statusText } from '../../src/http1/status-text.ts';
import { loadPolicy, policyFrom } from '../../src/policy/load.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { policyKeys } from '../../src/policy/policy-file.generated.ts';
import { catalogue, type RulePage } from '../../src/rejection/catalogue.ts';
import { reject } from '../../src/rejection/rejection.ts';
import { type Rule, type RuleId, rules } from '../../src/rejection/rules.ts';
import { openErrorLog } from '../../src/telemetry/error-log.ts';
import type { Dispatcher } from '../../src/upstream/dispatch.ts';
import { mountAt } from '../../src/upstream/mount.ts';
import { UwsgiDispatcher } from '../../src/upstream/uwsgi.ts';
import { proxyCases } from '../accept/proxy-cases.ts';
import { TestEdge } from '../connection/edge-harness.ts';
import { parserCaseFiles, parserCases } from '../http1/parser-cases.ts';
import { inspectCaseFiles, inspectCases } from '../inspect/inspect-cases.ts';
import { bytesOf } from '../support/cases.ts';
import type { RawClient } from '../support/raw-client.ts';
import { bounds, NodeHarness } from '../upstream/node-harness.ts';

const ids = Object.keys(rules) as RuleId[];
const rowsOfCases = [...parserCaseFiles.flatMap(parserCases), ...inspectCaseFiles.flatMap(inspectCases), ...proxyCases];
const fromCases = rowsOfCases.flatMap(({ rejected }) => (rejected === undefined ? [] : [rejected]));

let edge: TestEdge;
/** Where the application runs, in place of the test. */
type Application = { readonly dispatcher: Dispatcher; stop(): Promise<unknown> };
let application: Application | undefined;

function policyOf({ policy }: RulePage): Policy {
  return policy === undefined ? loadPolicy(null) : policyFrom(Buffer.from(JSON.stringify(policy)), 'example.json');
}

async function start(page: RulePage, app?: Application, mount = ''): Promise<TestEdge> {
  application = app;
  edge = await new TestEdge(() => policyOf(page), {
    ...(app === undefined ? {} : { dispatcher: app.dispatcher }),
    mount: mountAt(mount),
  }).listen();
  return edge;
}

/** A client of a new edge that has sent the example. */
async function send(page: RulePage, app?: Application, mount?: string): Promise<RawClient> {
  return (await start(page, app, mount)).client(bytesOf(page.example));
}

type Circumstances = (page: RulePage) => Promise<RawClient>;

/** What has to happen beside the bytes of an example, for the rules that no bytes can break alone. */
const circumstances: Readonly<Partial<Record<RuleId, Circumstances>>> = {
  'target.not-mounted': (page) => send(page, undefined, '/app'),
  'timeout.head': async (page) => late(await send(page), 10_000),
  'timeout.content': async (page) => late(await send(page), 15_000),
  'content.too-slow': async (page) => {
    const client = await late(await send(page), 11_000);
    client.send('l');
    return client;
  },
  'response.too-slow': async (page) => {
    const client = await (await start(page)).client();
    client.socket.pause();
    client.send(bytesOf(page.example));
    (await edge.request()).start().respond('200 OK\0', Buffer.alloc(20_000_000));
    await late(client, 11_000);
    client.socket.resume();
    return client;
  },
  'rate.exceeded': async (page) => {
    (await start(page)).onTake = () => [0, 1000];
    return edge.client(bytesOf(page.example));
  },
  'rate.unknown': async (page) => {
    (await start(page)).onTake = () => [-1, 1000];
    return edge.client(bytesOf(page.example));
  },
  'client.blocked': async (page) => {
    (await start(page)).edge.blocked.apply([['127.0.0.1', 600_000]]);
    return edge.client(bytesOf(page.example));
  },
  'timeout.keep-alive': async (page) => {
    const client = await send(page);
    (await edge.request()).start().respond('200 OK\0', 'x');
    await client.receive(/x$/);
    return late(client, 5000);
  },
  'timeout.write': async (page) => {
    const client = await (await start(page)).client();
    client.socket.pause();
    client.send(bytesOf(page.example));
    (await edge.request()).start().respond('200 OK\0', Buffer.alloc(20_000_000));
    await late(client, 30_000);
    client.socket.resume();
    return client;
  },
  'timeout.worker': async (page) => {
    const client = await send(page);
    (await edge.request()).start();
    return late(client, 30_000);
  },
  'timeout.queue': async (page) => {
    const client = await send(page);
    await edge.request();
    return late(client, 10_000);
  },
  'worker.failed': async (page) => {
    const node = new NodeHarness();
    const worker = await node.addWorker();
    const client = await send({ ...page, example: page.example.replace(' / ', ' /exits ') }, node);
    await worker.exited;
    return client;
  },
  'upstream.too-large': (page) => send(page, upstreamOfOneServer()),
  'connections.too-many': async (page) => {
    await start(page);
    await edge.client();
    return edge.client(bytesOf(page.example));
  },
  'memory.exhausted': (page) => send(page),
  'spool.full': (page) => send(page),
  'overload.queue': (page) => send(page, new NodeHarness({ queueMax: 0 })),
};

/** Nobody is there, and nobody is asked. */
function upstreamOfOneServer(): Application {
  const server = { place: { path: '/nowhere' }, weight: 1, bufferBytes: 4096, maxVariables: 128, connections: 1 };
  const log = openErrorLog({ level: 'critical' });
  const dispatcher = new UwsgiDispatcher({ ...bounds, servers: [server], log });
  return { dispatcher, stop: async () => dispatcher.close() };
}

/** Lets the deadline pass once what was sent has been read. */
async function late(client: RawClient, milliseconds: number): Promise<RawClient> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  edge.pass(milliseconds + 400);
  return client;
}

describe('each rule', () => {
  it('is broken by a case, and no case names one that is not there', () => {
    const broken = new Set<string>([...fromCases, ...Object.keys(circumstances)]);
    assert.deepEqual(
      [...broken].filter((id) => !ids.includes(id as RuleId)),
      [],
    );
    assert.deepEqual(
      ids.filter((id) => !broken.has(id)),
      [],
    );
  });

  it('has its circumstances set up by this test, where bytes are not enough', () => {
    const described = ids.filter((id) => catalogue[id].when !== undefined);
    assert.deepEqual(described.sort(), Object.keys(circumstances).sort());
  });

  it('has an id of family and fault', () => {
    for (const id of ids) assert.match(id, /^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$/);
  });

  it('names its source and, if a policy can allow it, the policy’s key', () => {
    for (const [id, { source, pointer }] of Object.entries(rules) as [RuleId, Rule][]) {
      assert.match(source, /^(RFC \d{4}|PROXY protocol) section \d+(\.\d+)*$/, id);
      if (pointer !== null) assert.ok(pointer in policyKeys, `${id}: ${pointer}`);
    }
  });

  it('has a status whose reason is known, or none', () => {
    for (const [id, { status }] of Object.entries(rules) as [RuleId, Rule][]) {
      if (status !== null) assert.notEqual(statusText(status), 'Error', id);
    }
  });
});

describe('the example of each rule, sent to an edge, is answered and logged so', () => {
  afterEach(async () => {
    await edge.stop();
    await application?.stop();
  });

  for (const id of ids) {
    it(id, async () => {
      const page = catalogue[id];
      const { status } = rules[id];
      const client = await (circumstances[id] ?? send)(page);
      // It closes and says nothing: where a client sent no head, and where it reads none.
      if (status === null || page.closesUnread === true) {
        assert.doesNotMatch(await client.receiveAll(), /HTTP\/1\.1 [45]/);
      } else {
        await client.receive(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*\\(${id}\\)\n$`));
      }
      assert.ok(
        edge.lines.some((line) => line.includes(id)),
        edge.lines.join(' | '),
      );
    });
  }
});

describe('the pages about rules', () => {
  const security = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8');
  /** Only families of rules: a file name or a policy key is none. */
  const families = new Set(ids.map((id) => id.split('.')[0] ?? ''));

  function idsIn(text: string): string[] {
    const quoted = [...text.matchAll(/`([a-z-]+)\.([a-z-]+)`/g)];
    return quoted.filter(([, family = '']) => families.has(family)).map(([, family, fault]) => `${family}.${fault}`);
  }

  it('name in SECURITY.md every rule, and no other', () => {
    assert.deepEqual([...new Set(idsIn(security))].sort(), [...ids].sort());
  });

  it('say in docs/rules.md of every rule what the catalogue says, and of no other', () => {
    const page = readFileSync(new URL('../../docs/rules.md', import.meta.url), 'utf8');
    const sections = [...page.matchAll(/^## (\S+)$/gm)].map(([, id]) => id);
    assert.deepEqual(sections, ids);
    for (const id of ids) assert.ok(page.includes(catalogue[id].meaning), id);
  });
});

describe('a rejection', () => {
  it('takes status and pointer from its rule', () => {
    for (const id of ids) {
      const { status, pointer } = rules[id];
      assert.deepEqual(reject(id, 'why'), { rule: id, status, pointer, detail: 'why' });
    }
  });
});
