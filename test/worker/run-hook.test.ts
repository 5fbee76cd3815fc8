import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Log } from '../../src/telemetry/error-log.ts';
import type { Environ } from '../../src/worker/app-interface.ts';
import { RequestHooks } from '../../src/worker/request-hooks.ts';
import { awaitHook, type Hook, runHook } from '../../src/worker/run-hook.ts';

let lines: string[];
let wasLogged: () => void;
beforeEach(() => {
  lines = [];
  wasLogged = () => {};
});

const write = (text: string, stack = ''): void => {
  lines.push(`${text} ${stack}`.trim());
  wasLogged();
};
const log: Log = {
  debug: write,
  info: write,
  warning: write,
  error: write,
  critical: write,
  limited: (kind, text) => write(`limited ${kind}: ${text}`),
};

/** What a hook does, and the beginning of the line that says so; nothing: no line. */
const hooks: readonly (readonly [behaviour: string, hook: Hook | undefined, line: RegExp | null])[] = [
  ['is not there', undefined, null],
  ['returns', () => 7, null],
  ['resolves', async () => {}, null],
  [
    'throws',
    () => {
      throw new Error('broken');
    },
    /^hook when_ready failed Error: broken\n +at .*run-hook\.test/,
  ],
  [
    'throws what is no error',
    () => {
      throw Object.create(null);
    },
    /^hook when_ready failed \[Object: null prototype\]/,
  ],
  ['rejects', () => Promise.reject(new Error('late')), /^hook when_ready failed Error: late/],
  ['never finishes', () => new Promise(() => {}), /^hook when_ready has not finished within 0\.1 s/],
  [
    'returns something that breaks when it is awaited',
    () => Object.defineProperty({}, 'then', { value: () => assert.fail('no') }),
    /failed AssertionError .*: no/,
  ],
];

describe('a hook that is waited for', () => {
  for (const [behaviour, hook, line] of hooks) {
    it(`and ${behaviour} holds up nothing`, async () => {
      await awaitHook('when_ready', hook, [1], log, 100);
      assert.equal(lines.length, line === null ? 0 : 1, lines.join('\n'));
      if (line !== null) assert.match(lines.join(), line);
    });
  }
});

describe('a hook that nobody waits for', () => {
  it('runs at once with what it is given', () => {
    const calls: unknown[] = [];
    runHook('pre_fork', (...given) => calls.push(given), [1, 'two'], log);
    assert.deepEqual(calls, [[1, 'two']]);
  });

  it('is logged where its promise rejects', async () => {
    const logged = new Promise<void>((resolve) => {
      wasLogged = resolve;
    });
    runHook('pre_fork', () => Promise.reject(new Error('late')), [], log);
    await logged;
    assert.match(lines.join(), /^hook pre_fork failed Error: late/);
  });
});

describe('hooks of requests', () => {
  const environ = {
    'portcullis.request_id': 'a-1',
    REQUEST_METHOD: 'GET',
    PATH_INFO: '/x y',
    QUERY_STRING: 'q=1',
    REMOTE_ADDR: '192.0.2.7',
  } as unknown as Environ;
  const worker = { pid: 1 };

  it('get frozen objects that say what there is to know', () => {
    const calls: (readonly unknown[])[] = [];
    const hook: Hook = (...given) => calls.push(given);
    const requests = new RequestHooks(hook, hook, worker, log);
    const request = requests.begin(environ);
    requests.end(request, environ, 404);
    assert.deepEqual(request, { id: 'a-1', method: 'GET', path: '/x y', query: 'q=1', remoteAddress: '192.0.2.7' });
    assert.deepEqual(calls, [
      [worker, request],
      [worker, request, environ, { status: 404 }],
    ]);
    assert.ok(Object.isFrozen(request) && Object.isFrozen(calls[1]?.[3]));
  });

  it('that always fail show one stack, and then lines that are limited', () => {
    const requests = new RequestHooks(
      () => {
        throw new Error('broken');
      },
      undefined,
      worker,
      log,
    );
    for (let count = 0; count < 3; count++) requests.begin(environ);
    assert.equal(lines.length, 3);
    assert.match(lines[0] ?? '', /^hook pre_request failed Error: broken\n/);
    assert.equal(lines[1], 'limited hook pre_request: hook pre_request failed again: Error: broken');
  });
});
