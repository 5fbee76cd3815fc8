import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../../src/config/config.ts';
import { parseStoreAddress, type StoreAddress, storeText } from '../../src/config/rate-limit-store.ts';

const plain = { username: '', password: '', database: 0 };
const tcp = (host: string, port = 6379, tls = false): StoreAddress['endpoint'] => ({ kind: 'tcp', host, port, tls });

const addresses: readonly (readonly [text: string, address: StoreAddress, shown: string])[] = [
  ['redis://127.0.0.1', { ...plain, endpoint: tcp('127.0.0.1') }, 'redis://127.0.0.1:6379'],
  ['redis://store.example:7000/', { ...plain, endpoint: tcp('store.example', 7000) }, 'redis://store.example:7000'],
  ['rediss://store.example', { ...plain, endpoint: tcp('store.example', 6379, true) }, 'rediss://store.example:6379'],
  ['valkey://h:1/12', { ...plain, endpoint: tcp('h', 1), database: 12 }, 'redis://h:1/12'],
  ['valkeys://h', { ...plain, endpoint: tcp('h', 6379, true) }, 'rediss://h:6379'],
  ['redis://[::1]:7000', { ...plain, endpoint: tcp('::1', 7000) }, 'redis://[::1]:7000'],
  ['redis://:s%40c@h', { ...plain, endpoint: tcp('h'), password: 's@c' }, 'redis://h:6379'],
  ['redis://m%2Fe:pw@h', { ...plain, endpoint: tcp('h'), username: 'm/e', password: 'pw' }, 'redis://m%2Fe@h:6379'],
  ['unix:/run/redis.sock', { ...plain, endpoint: { kind: 'unix', path: '/run/redis.sock' } }, 'unix:/run/redis.sock'],
  ['unix:///run/r', { ...plain, endpoint: { kind: 'unix', path: '/run/r' } }, 'unix:/run/r'],
];

const refused: readonly (readonly [text: string, problem: RegExp])[] = [
  ['secret', /this is no URL;/],
  ['', /this is no URL;/],
  ['127.0.0.1:6379', /this is no URL;/],
  ['http://:secret@h', /no URL of Redis or Valkey/],
  ['secret:6379', /no URL of Redis or Valkey/],
  ['constructor://secret', /no URL of Redis or Valkey/],
  ['redis:secret@h', /the host is missing/],
  ['redis:///0', /the host is missing/],
  ['redis://:secret@h:port', /this is no URL;/],
  ['redis://h:0', /the port is 0/],
  ['redis://:secret@h/name', /not the number of a database/],
  ['redis://:secret@h/1/2', /not the number of a database/],
  ['redis://h?password=secret', /a query or a fragment/],
  ['redis://:secret#part@h', /this is no URL;/],
  ['redis://:secret%zz@h', /the password has a "%"/],
  ['redis://secret%zz@h', /the user has a "%"/],
  ['unix:secret', /is not absolute/],
];

describe('the address of a rate-limit store', () => {
  for (const [text, address, shown] of addresses) {
    it(`${text} is read, and shown as ${shown}`, () => {
      assert.deepEqual(parseStoreAddress(text, 'flag'), address);
      assert.equal(storeText(address), shown);
    });
  }

  for (const [text, problem] of refused) {
    it(`${JSON.stringify(text)} is refused, and not quoted`, () => {
      assert.throws(
        () => parseStoreAddress(text, 'flag'),
        (error) => {
          assert.ok(error instanceof ConfigError);
          assert.match(error.message, problem);
          assert.match(error.message, /^flag: .* is redis:\/\//);
          assert.doesNotMatch(error.message, /secret/);
          return true;
        },
      );
    });
  }
});
