import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BindAddress, parseBindAddress } from '../../src/config/bind-address.ts';
import { ConfigError } from '../../src/config/config.ts';

const tcp = (host: string, port: number): BindAddress => ({ kind: 'tcp', host, port });

const accepted: readonly { readonly text: string; readonly address: BindAddress }[] = [
  { text: '127.0.0.1:8080', address: tcp('127.0.0.1', 8080) },
  { text: 'localhost:0', address: tcp('localhost', 0) },
  { text: '[::1]:443', address: tcp('::1', 443) },
  { text: '[::]', address: tcp('::', 8000) },
  { text: ':80', address: tcp('0.0.0.0', 80) },
  { text: '0.0.0.0', address: tcp('0.0.0.0', 8000) },
  { text: '9000', address: tcp('127.0.0.1', 9000) },
  { text: 'unix:app.sock', address: { kind: 'unix', path: 'app.sock' } },
  { text: 'unix:/run/a b.sock', address: { kind: 'unix', path: '/run/a b.sock' } },
  { text: 'unix:///run/app.sock', address: { kind: 'unix', path: '/run/app.sock' } },
  { text: 'fd://3', address: { kind: 'descriptor', descriptor: 3 } },
];

const refused = [
  '',
  ':',
  'host:',
  ':65536',
  ':-1',
  ':8e1',
  ':80 ',
  '65536',
  '::1',
  '::1:80',
  '[::1',
  '[localhost]:80',
  '[127.0.0.1]:80',
  'a:b:80',
  'http://localhost:80',
  'ho st:80',
  'host/path:80',
  'unix:',
  `unix:${'x'.repeat(108)}`,
  'unix:a\0b',
  'fd://',
  'fd://1',
  'fd://x',
  'fd://3:80',
];

describe('bind address', () => {
  for (const { text, address } of accepted) {
    it(`reads ${text}`, () => assert.deepEqual(parseBindAddress(text, 'flag --bind'), address));
  }
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 20))}`, () => {
      assert.throws(
        () => parseBindAddress(text, 'flag --bind'),
        (error) => error instanceof ConfigError && error.exitCode === 2 && error.message.startsWith('flag --bind: '),
      );
    });
  }
});
