import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openErrorLog } from '../../src/telemetry/error-log.ts';
import { InlineDispatcher } from '../../src/upstream/inline.ts';
import type { EnvironApp } from '../../src/worker/app-interface.ts';
import { loadApp } from '../../src/worker/load-app.ts';
import { badCases, goodCases } from '../worker/app-cases.ts';
import { requestEnviron } from '../worker/environ-block.ts';
import { RecordingSink } from './recording-sink.ts';

const apps = await loadApp({ path: fileURLToPath(new URL('../worker/fixtures/apps.js', import.meta.url)), name: null });
const contentWindowBytes = 65_536;
const responseWindowBytes = 100_000;

class Inline {
  logged = '';
  readonly dispatcher: InlineDispatcher;

  constructor(app: EnvironApp = apps, windowBytes = responseWindowBytes) {
    this.dispatcher = new InlineDispatcher({
      app,
      appName: 'apps.js:app',
      log: openErrorLog({ level: 'info', write: (lines) => (this.logged += lines) }),
      multiprocess: false,
      contentWindowBytes,
      responseWindowBytes: windowBytes,
      maxResponseHeadBytes: 65_536,
    });
  }
}

describe('the inline dispatcher answers with', () => {
  for (const { behaviour, app, method = 'GET', content, status, answer, field, logged } of goodCases) {
    it(behaviour, async () => {
      const inline = new Inline();
      const environ = requestEnviron(`/${app}`, { REQUEST_METHOD: method });
      const sink = new RecordingSink().dispatch(inline.dispatcher, environ, content);
      assert.equal(await sink.ended(), 'complete');
      assert.equal(sink.status, status);
      assert.equal(sink.content, answer);
      if (field !== undefined) assert.deepEqual(sink.fields, [field]);
      if (logged === null) assert.equal(inline.logged, '');
      else assert.match(inline.logged, logged);
      assert.equal(inline.dispatcher.inFlight, 0);
    });
  }
});

describe('the inline dispatcher survives an application that', () => {
  for (const { behaviour, app, status, answer, isCut = false, logged } of badCases) {
    it(behaviour, async () => {
      const inline = new Inline();
      const sink = new RecordingSink().dispatch(inline.dispatcher, requestEnviron(`/${app}`));
      assert.equal(await sink.ended(), isCut ? 'worker.failed' : 'complete');
      assert.equal(sink.status, status);
      if (app !== 'write-forever') assert.equal(sink.content, answer);
      assert.match(inline.logged, /apps\.js:app: request r\d+: /);
      assert.match(inline.logged, logged ?? /$/);
      assert.equal(inline.dispatcher.inFlight, 0);
    });
  }
});

describe('the inline dispatcher', () => {
  it('gives applications the environ of PEP 3333', async () => {
    const inline = new Inline();
    const environ = requestEnviron('/environ', { HTTP_X: 'caf\xe9', 'portcullis.request_id': 'r0' });
    const sink = new RecordingSink().dispatch(inline.dispatcher, environ);
    await sink.ended();
    assert.deepEqual(JSON.parse(Buffer.from(sink.content, 'latin1').toString()), {
      'wsgi.version': [1, 0],
      'wsgi.multithread': false,
      'wsgi.multiprocess': false,
      'wsgi.run_once': false,
      'wsgi.input_terminated': true,
      'portcullis.tls': null,
      'portcullis.request_id': 'r0',
      'wsgi.url_scheme': 'http',
      SERVER_NAME: '127.0.0.1',
      SERVER_PORT: '8000',
      SERVER_PROTOCOL: 'HTTP/1.1',
      REMOTE_ADDR: '127.0.0.1',
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: '/environ',
      QUERY_STRING: '',
      RAW_URI: '/environ',
      HTTP_HOST: 'example.com',
      HTTP_X: 'caf\xe9',
      kinds: { 'wsgi.input': 'Readable', 'wsgi.errors': 'Writable' },
    });
  });

  it('stops an endless answer at the window, goes on as the client reads, and releases it on abort', async () => {
    const inline = new Inline();
    const sink = new RecordingSink('slow', { isFast: false }).dispatch(inline.dispatcher, requestEnviron('/endless'));
    assert.equal(sink.contentBytes, responseWindowBytes);
    sink.acknowledge(60_000);
    assert.equal(sink.contentBytes, responseWindowBytes + 60_000);
    sink.acknowledge(100);
    assert.equal(sink.contentBytes, responseWindowBytes + 60_000, 'grants of less than half a window are collected');
    sink.abort();
    assert.match(inline.logged, /released\n$/);
    assert.deepEqual(sink.violations, []);
    assert.equal(inline.dispatcher.inFlight, 0);
  });

  it('keeps content beyond the window away until the application reads', async () => {
    const taken: Buffer[] = [];
    let read = (): void => {};
    const reads = new Promise<void>((resolve) => {
      read = resolve;
    });
    const inline = new Inline(async (environ, startResponse) => {
      await reads;
      for await (const piece of environ['wsgi.input']) taken.push(piece as Buffer);
      startResponse('200 OK', []);
      return [];
    });
    const sink = new RecordingSink().dispatch(inline.dispatcher, requestEnviron('/'), null);
    sink.request?.sendContent(Buffer.alloc(contentWindowBytes, 'a'));
    assert.equal(sink.granted, 0);
    assert.throws(() => sink.request?.sendContent(Buffer.alloc(1)), /not granted/);
    read();
    await sink.until(() => sink.granted === contentWindowBytes, 'no grant');
    sink.request?.sendContent(Buffer.from('b'));
    sink.request?.endContent();
    assert.equal(await sink.ended(), 'complete');
    assert.equal(Buffer.concat(taken).length, contentWindowBytes + 1);
  });

  it('tells an application that reads that its client is gone', async () => {
    const inline = new Inline();
    const sink = new RecordingSink().dispatch(inline.dispatcher, requestEnviron('/never-told'), null);
    sink.request?.sendContent(Buffer.from('half'));
    sink.abort();
    await new Promise((resolve) => setImmediate(resolve));
    assert.match(inline.logged, /told: the client is gone\n/);
    assert.deepEqual(sink.violations, []);
  });

  it('cancels an application that never settles', async () => {
    const inline = new Inline();
    const sink = new RecordingSink().dispatch(inline.dispatcher, requestEnviron('/never'));
    assert.equal(inline.dispatcher.inFlight, 1);
    sink.abort();
    assert.equal(inline.dispatcher.inFlight, 0);
    sink.abort();
    assert.equal(inline.dispatcher.inFlight, 0);
  });

  it('sends a huge piece through a small window to a client that takes it at once', async () => {
    const piece = Buffer.alloc(20_000_000, 'x');
    const inline = new Inline((_environ, startResponse) => {
      startResponse('200 OK', []);
      return [piece];
    }, 1000);
    const sink = new RecordingSink('fast', { keepsContent: false });
    // A connection has the request in hand before the application answers, as it has in a worker.
    sink.request = inline.dispatcher.dispatch(requestEnviron('/'), false, sink);
    sink.acknowledge(1000);
    assert.equal(await sink.ended(), 'complete');
    assert.equal(sink.contentBytes, piece.length);
  });

  it('releases a generator whose client goes while it is being stepped', async () => {
    const steps: string[] = [];
    const inline = new Inline(async (_environ, startResponse) => {
      await new Promise((resolve) => setImmediate(resolve));
      return (function* () {
        const write = startResponse('200 OK', []);
        try {
          yield 'a';
          write('b');
          steps.push('went on');
          yield 'c';
        } finally {
          steps.push('released');
        }
      })();
    });
    const sink = new RecordingSink();
    const aborted = new Promise<void>((resolve) => {
      sink.respondContent = () => {
        sink.abort();
        resolve();
      };
    });
    sink.dispatch(inline.dispatcher, requestEnviron('/'));
    await aborted;
    assert.deepEqual(steps, ['went on', 'released']);
    assert.equal(inline.logged, '');
  });

  it('answers a request that begins while another answer is being taken', async () => {
    const inline = new Inline((environ, startResponse) => {
      startResponse('200 OK', [['X-Path', String(environ['PATH_INFO'])]]);
      return [`content of ${environ['PATH_INFO']}`];
    });
    const [outer, inner] = [new RecordingSink(), new RecordingSink()];
    const respond = outer.respond.bind(outer);
    outer.respond = (...response) => {
      inner.dispatch(inline.dispatcher, requestEnviron('/inner'));
      respond(...response);
    };
    outer.dispatch(inline.dispatcher, requestEnviron('/outer'));
    assert.equal(await outer.ended(), 'complete');
    assert.equal(await inner.ended(), 'complete');
    assert.equal(outer.content, 'content of /outer');
    assert.equal(inner.content, 'content of /inner');
    assert.deepEqual(outer.fields, [['X-Path', '/outer']]);
  });

  it('survives a listener of wsgi.input that throws', async () => {
    const inline = new Inline();
    const sink = new RecordingSink().dispatch(inline.dispatcher, requestEnviron('/listener-throws'), null);
    await new Promise((resolve) => setImmediate(resolve));
    sink.request?.sendContent(Buffer.from('x'));
    assert.equal(await sink.ended(), 'complete');
    assert.equal(sink.status, '500 Internal Server Error');
    assert.match(inline.logged, /a listener of wsgi.input threw\n +Error: listener failed/);
  });
});
