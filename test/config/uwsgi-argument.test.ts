import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAppArgument } from '../../src/config/app-argument.ts';
import { ConfigError } from '../../src/config/config.ts';
import { appName } from '../../src/worker/app-target.ts';
import type { UwsgiAddress } from '../../src/worker/uwsgi-target.ts';

const usual = { weight: 1, bufferBytes: 4096, maxVariables: 128, connections: 100 };

const taken: readonly (readonly [argument: string, servers: readonly UwsgiAddress[]])[] = [
  ['uwsgi://127.0.0.1:3031', [{ place: { host: '127.0.0.1', port: 3031 }, ...usual }]],
  ['uwsgi://[::1]:3031', [{ place: { host: '::1', port: 3031 }, ...usual }]],
  ['uwsgi://app_1.internal:3031', [{ place: { host: 'app_1.internal', port: 3031 }, ...usual }]],
  ['uwsgi+unix:/run/app.sock', [{ place: { path: '/run/app.sock' }, ...usual }]],
  ['uwsgi+unix:///run/app.sock', [{ place: { path: '/run/app.sock' }, ...usual }]],
  ['uwsgi+unix:run/app.sock', [{ place: { path: '/srv/run/app.sock' }, ...usual }]],
  [
    'uwsgi://10.0.0.1:3031?weight=3&buffer=32768,uwsgi+unix:/run/b.sock?vars=256&connections=8',
    [
      { place: { host: '10.0.0.1', port: 3031 }, ...usual, weight: 3, bufferBytes: 32_768 },
      { place: { path: '/run/b.sock' }, ...usual, maxVariables: 256, connections: 8 },
    ],
  ],
];

const refused: readonly (readonly [argument: string, problem: RegExp])[] = [
  ['uwsgi://', /it has no host and port/],
  ['uwsgi://h', /the port is a number from 1 to 65535/],
  ['uwsgi://h:0', /the port is a number from 1 to 65535/],
  ['uwsgi://h:65536', /the port is a number from 1 to 65535/],
  ['uwsgi://h:http', /it has no host and port/],
  ['uwsgi://h:3031/path', /it has no host and port/],
  ['uwsgi://::1:3031', /it has no host and port/],
  ['uwsgi://[h]:3031', /between the brackets stands an IPv6 address/],
  ['uwsgi://u@h:3031', /the host is no name and no address/],
  ['uwsgi:h:3031', /it has no host and port/],
  ['uwsgi:///run/app.sock', /a Unix socket is written uwsgi\+unix:\/path/],
  ['uwsgi:/run/app.sock', /a Unix socket is written uwsgi\+unix:\/path/],
  ['uwsgi+unix:', /the path of the Unix socket is missing/],
  [`uwsgi+unix:/${'x'.repeat(107)}`, /at most 107 bytes/],
  ['uwsgi://h:1?weight=0', /weight is a number from 1 to 1000/],
  ['uwsgi://h:1?weight', /weight is a number from 1 to 1000/],
  ['uwsgi://h:1?buffer=65536', /buffer is a number from 512 to 65535/],
  ['uwsgi://h:1?vars=1e3', /vars is a number from 32 to 65535/],
  ['uwsgi://h:1?connections=0', /connections is a number from 1 to 65535/],
  ['uwsgi://h:1?weight=1&weight=2', /weight is given twice/],
  ['uwsgi://h:1?wieght=1', /"wieght" is none of its options\. Did you mean weight\?/],
  ['uwsgi://h:1?constructor=1', /"constructor" is none of its options/],
  ['uwsgi://h:1,uwsgi://h:1?weight=2', /names uwsgi:\/\/h:1 twice/],
  ['uwsgi://h:1,', /"" is no uWSGI upstream/],
  ['uwsgi://h:1,app:app', /"app:app" is no uWSGI upstream/],
];

describe('the uWSGI upstreams of a command line', () => {
  for (const [argument, servers] of taken) {
    it(`${argument} is read`, () => {
      assert.deepEqual(parseAppArgument(argument, '/srv'), { kind: 'uwsgi', servers });
    });
  }

  for (const [argument, problem] of refused) {
    it(`${JSON.stringify(argument.slice(0, 40))} is refused`, () => {
      assert.throws(
        () => parseAppArgument(argument, '/srv'),
        (error) => error instanceof ConfigError && error.exitCode === 2 && problem.test(error.message),
      );
    });
  }

  it('are called as they are written', () => {
    const app = parseAppArgument('uwsgi://[::1]:3031?weight=2,uwsgi+unix:/run/b.sock', '/');
    assert.equal(appName(app), 'uwsgi://[::1]:3031,uwsgi+unix:/run/b.sock');
  });
});
