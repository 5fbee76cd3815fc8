import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { maxRequestBytes } from '../../src/control/protocol.ts';
import type { ControlledServer } from '../../src/master/control-commands.ts';
import { ControlSocket } from '../../src/master/control-socket.ts';
import type { Log } from '../../src/telemetry/error-log.ts';
import { within } from '../support/deadline.ts';

const patienceMs = 200;
const refusal = /^\{"type":"failed","message":"this is no request/;

let folder: string;
let path: string;
let warnings: string[];
let signals: string[];
let size: number;
let socket: ControlSocket;
const clients: Socket[] = [];

const log: Log = {
  debug() {},
  info() {},
  warning: (text) => void warnings.push(text),
  error: (text, stack) => void warnings.push(`${text} ${stack}`),
  critical() {},
  limited() {},
};

function server(changes: Partial<ControlledServer> = {}): ControlledServer {
  return {
    status: () => {
      throw new Error('no status today');
    },
    size: () => size,
    blocked: () => [['192.0.2.7', 1_500]],
    gracefulTimeoutMs: 30_000,
    reload: async () => ({ succeeded: false, message: 'there is a mistake in it' }),
    signal: (name) => {
      signals.push(name);
      if (name === 'SIGTTIN') size += 1;
    },
    clientOf: (text) => (text === 'x' ? undefined : text),
    block() {},
    release: (client) => client === '192.0.2.7',
    ...changes,
  };
}

function dial(): Socket {
  const client = connect({ path, allowHalfOpen: true });
  client.on('error', () => {});
  clients.push(client);
  return client;
}

/** All that the server says until it ends. */
function answer(client: Socket): Promise<string> {
  const reading = new Promise<string>((resolve) => {
    let text = '';
    client.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    client.on('end', () => client.end());
    client.on('close', () => resolve(text));
  });
  return within(10_000, reading, () => 'the server leaves the connection open');
}

function ask(bytes: string): Promise<string> {
  const client = dial();
  client.write(bytes);
  return answer(client);
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'control-socket-'));
  path = join(folder, 'a.ctl');
  [warnings, signals, size] = [[], [], 1];
  socket = new ControlSocket(server(), log, patienceMs);
  await socket.open({ path }, {});
});
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  socket.close();
  rmSync(folder, { recursive: true });
});

/** Whatever comes, it is answered or cut, and the next client is served. */
const nonsense: readonly (readonly [behaviour: string, bytes: string])[] = [
  ['an empty line', '\n'],
  ['no JSON', 'status\n'],
  ['null', 'null\n'],
  ['a list', '["status"]\n'],
  ['an unknown command', '{"command":"shell"}\n'],
  ['a name of every object', '{"command":"constructor"}\n'],
  ['a stop that is not clear', '{"command":"stop","now":"yes"}\n'],
  ['a block for ever', '{"command":"block","client":"192.0.2.7","seconds":1e99}\n'],
  ['a block for no time', '{"command":"block","client":"192.0.2.7","seconds":0}\n'],
  ['bytes that are no text', '\xff\xfe\0\n'],
  ['a line that is too long', `${'x'.repeat(maxRequestBytes + 1)}`],
  ['deep nesting', `${'['.repeat(maxRequestBytes - 1)}\n`],
];

const orders: readonly (readonly [request: string, reply: object])[] = [
  ['{"command":"add-worker"}', { type: 'done', message: '1 -> 2 workers' }],
  ['{"command":"remove-worker"}', { type: 'failed', message: 'the last worker stays' }],
  ['{"command":"reload"}', { type: 'failed', message: 'there is a mistake in it' }],
  ['{"command":"jail"}', { type: 'jail', blocks: [{ client: '192.0.2.7', secondsLeft: 2 }] }],
  ['{"command":"release","client":"192.0.2.7"}', { type: 'done', message: '192.0.2.7 is free' }],
  ['{"command":"release","client":"192.0.2.8"}', { type: 'failed', message: '192.0.2.8 is not blocked' }],
  [
    '{"command":"block","client":"x","seconds":1}',
    { type: 'failed', message: '"x" is neither an address nor a client of the list' },
  ],
];

describe('a control socket', () => {
  it('is for its user alone', () => assert.equal(statSync(path).mode & 0o777, 0o600));

  for (const [request, reply] of orders) {
    it(`answers ${request}`, async () => assert.deepEqual(JSON.parse(await ask(`${request}\n`)), reply));
  }

  for (const [behaviour, bytes] of nonsense) {
    it(`survives ${behaviour}`, async () => {
      assert.match(await ask(bytes), refusal);
      assert.match(await ask('{"command":"jail"}\n'), /"type":"jail"/);
      assert.deepEqual(warnings, []);
    });
  }

  it('takes a request in pieces, and answers who has ended its side', async () => {
    const client = dial();
    client.write('{"comm');
    client.end('and":"jail"}\n');
    assert.match(await answer(client), /"type":"jail"/);
  });

  it('ends who says nothing, or half of a request', async () => {
    assert.equal(await answer(dial()), '');
    assert.equal(await ask('{"command":'), '');
  });

  it('refuses more connections than it has places, and has places again', async () => {
    const idle = Array.from({ length: 8 }, dial);
    await Promise.all(idle.map((client) => new Promise((resolve) => client.once('connect', resolve))));
    assert.match(await ask('{"command":"jail"}\n'), /more than 8 control connections at once/);
    await Promise.all(idle.map(answer));
    assert.match(await ask('{"command":"jail"}\n'), /"type":"jail"/);
  });

  it('tells of a command that fails in us, and logs it', async () => {
    assert.match(await ask('{"command":"status"}\n'), /the command failed, and the log of the server says why/);
    assert.match(warnings.join(), /a control command failed Error: no status today/);
  });

  it('says that it stops before it does, and leaves the connection open for the end', async () => {
    const client = dial();
    client.write('{"command":"stop"}\n');
    const [reply] = await within(
      5_000,
      new Promise<[Buffer]>((resolve) => client.once('data', (bytes) => resolve([bytes]))),
      () => 'no reply',
    );
    assert.equal(JSON.parse(reply.toString()).type, 'stopping');
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(signals, ['SIGTERM']);
    assert.equal(client.readableEnded, false);
  });

  it('leaves what is no socket of a dead server', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    for (const place of [file, path]) {
      const second = new ControlSocket(server(), log);
      await second.open({ path: place }, {});
      assert.equal(second.path, null);
    }
    assert.match(
      warnings.join('\n'),
      /^No control socket: .*file is there already.*\nNo control socket: .*a\.ctl is there/,
    );
    assert.match(await ask('{"command":"jail"}\n'), /"type":"jail"/);
  });
});
