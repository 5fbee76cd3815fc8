import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compileLlhttp } from '../../src/http1/llhttp/compile.ts';
import { instantiateLlhttp } from '../../src/http1/llhttp/instance.ts';
import { createParserContext, type ParserHandler, RequestParser } from '../../src/http1/request-parser.ts';
import { bytesOf } from '../support/cases.ts';
import { defaultLimits } from '../support/parser-events.ts';
import { parserCaseFiles, parserCases } from './parser-cases.ts';

const context = createParserContext(instantiateLlhttp(compileLlhttp()));
const get = (path: string): Buffer => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
const post = (content: string): Buffer =>
  Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${content.length}\r\n\r\n${content}`);

/** A parser and the words for what it tells. `on` acts inside the handler. */
function watched(on: Partial<ParserHandler> = {}, limits = defaultLimits) {
  const told: string[] = [];
  const parser = new RequestParser(context, limits, {
    onRequestHead(head) {
      told.push(head.latin1(head.targetStart, head.targetEnd));
      on.onRequestHead?.(head);
    },
    onContent(bytes) {
      told.push(`content ${Buffer.from(bytes).toString('latin1')}`);
      on.onContent?.(bytes);
    },
    onEndOfMessage() {
      told.push('end');
      on.onEndOfMessage?.();
    },
    onRejected(rejection) {
      told.push(rejection.rule);
      on.onRejected?.(rejection);
    },
  });
  return { parser, told };
}

/** Bytes of buffers that are in use: array buffers are given back some turns after the collection that found them. */
async function buffersInUse(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().arrayBuffers;
}

describe('a parser that has refused', () => {
  const refused = parserCaseFiles.flatMap(parserCases).filter(({ rejected, peerEnds }) => rejected && !peerEnds);

  it('tells nothing more, whatever comes', () => {
    for (const row of refused) {
      const { parser, told } = watched({}, { ...defaultLimits, ...row.limits });
      parser.receive(bytesOf(row.request));
      parser.resume();
      while (told.at(-1) !== row.rejected) {
        const before = told.length;
        parser.resume();
        assert.ok(told.length > before, `${row.behaviour}: ${told}`);
      }
      const before = told.length;
      parser.receive(get('/later'));
      parser.resume();
      parser.receive(Buffer.from('\r\n'));
      parser.receiveEnd();
      assert.equal(told.length, before, row.behaviour);
      assert.equal(parser.waitingBytes, 0, row.behaviour);
      parser.free();
    }
  });
});

describe('a request that is refused', () => {
  const head = 'POST / HTTP/1.1\r\nHost: a\r\n';
  const cases = [
    { of: 'a method', request: 'GE', isCutShort: true },
    { of: 'a field section', request: head, isCutShort: true },
    { of: 'content', request: `${head}Content-Length: 5\r\n\r\nhell`, isCutShort: true },
    { of: 'chunks', request: `${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhell`, isCutShort: true },
    { of: 'chunks that are wrong', request: `${head}Transfer-Encoding: chunked\r\n\r\nx\r\n`, isCutShort: false },
  ];
  for (const { of, request, isCutShort } of cases) {
    it(`${isCutShort ? 'is cut short' : 'is at fault'} where the peer ends in the middle of ${of}`, () => {
      const areCutShort: boolean[] = [];
      const { parser } = watched({ onRejected: (rejection) => areCutShort.push(rejection.isCutShort === true) });
      parser.receive(Buffer.from(request));
      parser.receiveEnd();
      assert.deepEqual(areCutShort, [isCutShort]);
      parser.free();
    });
  }
});

describe('bytes of the next request', () => {
  it('wait until the response is written', () => {
    const { parser, told } = watched();
    parser.receive(Buffer.concat([get('/1'), get('/2')]));
    assert.deepEqual(told, ['/1', 'end']);
    assert.equal(parser.waitingBytes, get('/2').length);
    parser.receive(get('/3'));
    assert.deepEqual(told, ['/1', 'end']);
    assert.equal(parser.waitingBytes, get('/2').length + get('/3').length);
    parser.resume();
    assert.deepEqual(told, ['/1', 'end', '/2', 'end']);
    parser.resume();
    assert.deepEqual(told, ['/1', 'end', '/2', 'end', '/3', 'end']);
    assert.equal(parser.waitingBytes, 0);
    parser.free();
  });

  it('are not looked at while they wait, however wrong they are', () => {
    const { parser, told } = watched();
    parser.receive(Buffer.concat([get('/1'), Buffer.from('\0\0\0')]));
    assert.deepEqual(told, ['/1', 'end']);
    parser.resume();
    assert.deepEqual(told, ['/1', 'end', 'request-line.malformed']);
    parser.free();
  });

  it('are the parser’s own: the buffer of the read may be used again', () => {
    const { parser, told } = watched();
    const read = Buffer.concat([get('/1'), post('hello'), get('/3')]);
    parser.receive(read);
    read.fill('x');
    parser.resume();
    parser.resume();
    assert.deepEqual(told, ['/1', 'end', '/', 'content hello', 'end', '/3', 'end']);
    parser.free();
  });

  it('are gone after stop', () => {
    const { parser, told } = watched();
    parser.receive(Buffer.concat([get('/1'), get('/2')]));
    parser.stop();
    parser.resume();
    assert.deepEqual([told, parser.waitingBytes], [['/1', 'end'], 0]);
    parser.free();
  });

  it('are held to limits that were replaced meanwhile', () => {
    const { parser, told } = watched();
    parser.receive(Buffer.concat([get('/1'), get('/long-target')]));
    parser.limits = { ...defaultLimits, lineBytes: 20 };
    parser.resume();
    assert.deepEqual(told, ['/1', 'end', 'request-line.too-long']);
    parser.free();
  });

  it('cannot be asked for from inside a handler', () => {
    const errors: unknown[] = [];
    const { parser, told } = watched({
      onEndOfMessage() {
        try {
          parser.resume();
        } catch (error) {
          errors.push(error);
        }
      },
    });
    parser.receive(Buffer.concat([get('/1'), get('/2')]));
    assert.deepEqual(told, ['/1', 'end']);
    assert.match(String(errors), /resume from within a handler/);
    parser.free();
  });
});

describe('a handler that stops the parser', () => {
  it('at the head hears nothing of the content', () => {
    const { parser, told } = watched({ onRequestHead: () => parser.stop() });
    parser.receive(post('hello'));
    assert.deepEqual(told, ['/']);
    parser.free();
  });

  it('at the head of a request without content hears no end', () => {
    const { parser, told } = watched({ onRequestHead: () => parser.stop() });
    parser.receive(Buffer.concat([get('/1'), get('/2')]));
    assert.deepEqual([told, parser.waitingBytes], [['/1'], 0]);
    parser.free();
  });

  it('at a piece of content hears nothing behind it', () => {
    const { parser, told } = watched({ onContent: () => parser.stop() });
    parser.receive(post('hello').subarray(0, -2));
    parser.receive(Buffer.from('lo'));
    assert.deepEqual(told, ['/', 'content hel']);
    parser.free();
  });

  it('may be freed twice', () => {
    const { parser } = watched();
    parser.free();
    parser.free();
    const { parser: next, told } = watched();
    next.receive(get('/1'));
    assert.deepEqual(told, ['/1', 'end']);
    next.free();
  });
});

describe('between two requests', () => {
  it('is before the first byte and behind a message that was resumed, not behind an empty line’s CR', () => {
    const { parser } = watched();
    const seen = [parser.isBetweenRequests];
    for (const text of ['\r', '\n', 'G', 'ET / HTTP/1.1\r\nHost: a\r\n\r\n']) {
      parser.receive(Buffer.from(text));
      seen.push(parser.isBetweenRequests);
    }
    parser.resume();
    seen.push(parser.isBetweenRequests);
    assert.deepEqual(seen, [true, false, true, false, false, true]);
    parser.free();
  });
});

describe('an upgrade', () => {
  const cases = [
    { fields: 'Connection: Upgrade\r\nUpgrade: h2c\r\n', isOffered: true },
    { fields: 'Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\n', isOffered: true },
    { fields: 'Upgrade: h2c\r\n', isOffered: false },
    { fields: 'Connection: Upgrade\r\n', isOffered: false },
    { fields: '', isOffered: false },
  ];
  for (const { fields, isOffered } of cases) {
    it(`is ${isOffered ? 'offered' : 'not offered'} by ${JSON.stringify(fields)}`, () => {
      const offered: boolean[] = [];
      const { parser } = watched({ onRequestHead: (head) => offered.push(head.upgradeOffered) });
      // What one head says is not said of the next.
      parser.receive(Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n`));
      parser.resume();
      assert.deepEqual(offered, [isOffered, false]);
      parser.free();
    });
  }
});

describe('the memory of parsers', () => {
  const head = bytesOf('GET / HTTP/1.1\r\nHost: a\r\n{X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n*95}');

  it('is bounded by the limits while heads are incomplete, and given back', async () => {
    const count = 400;
    // All connections of a process share the buffer of their reads.
    const read = Buffer.allocUnsafeSlow(100);
    const before = await buffersInUse();
    const parsers = Array.from({ length: count }, () => {
      const { parser, told } = watched();
      for (let at = 0; at < head.length; at += 100) {
        const length = head.copy(read, 0, at, at + 100);
        parser.receive(read.subarray(0, length));
      }
      assert.deepEqual(told, []);
      return parser;
    });
    const held = (await buffersInUse()) - before;
    assert.ok(held < count * (2 * head.length + 4096), `${held / count} bytes each for ${head.length} of a head`);
    for (const parser of parsers) parser.free();
    const kept = (await buffersInUse()) - before;
    // A few readers stay for the next connections.
    assert.ok(kept < held / 2, `${kept} of ${held} bytes kept`);
  });

  it('may grow while another head is being received', () => {
    const first = watched();
    first.parser.receive(get('/first').subarray(0, 20));
    const others = Array.from({ length: 5000 }, () => watched());
    for (const [index, { parser, told }] of others.entries()) {
      parser.receive(get(`/${index}`));
      assert.deepEqual(told, [`/${index}`, 'end']);
    }
    first.parser.receive(get('/first').subarray(20));
    assert.deepEqual(first.told, ['/first', 'end']);
    for (const { parser } of [first, ...others]) parser.free();
  });

  it('is used again: ten thousand parsers, one behind the other, need no more than one', () => {
    const memory = instantiateWithMemory();
    const before = memory.bytes();
    for (let count = 0; count < 10_000; count++) {
      const parser = memory.llhttp.createParser();
      parser.free();
    }
    assert.equal(memory.bytes(), before);
  });
});

/** The parser library with its memory in view. */
function instantiateWithMemory() {
  const { Instance } = WebAssembly;
  let memory: WebAssembly.Memory | undefined;
  WebAssembly.Instance = class extends Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      memory = this.exports['memory'] as WebAssembly.Memory;
    }
  };
  try {
    return { llhttp: instantiateLlhttp(compileLlhttp()), bytes: () => memory?.buffer.byteLength ?? 0 };
  } finally {
    WebAssembly.Instance = Instance;
  }
}
