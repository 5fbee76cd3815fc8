import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AdminAddress, adminFrom, adminWarnings, parseAdminAddress } from '../../src/config/admin-address.ts';
import { type BindAddress, parseBindAddress } from '../../src/config/bind-address.ts';
import { ConfigError } from '../../src/config/config.ts';
import { parseStatsdHost, parseStatsdText } from '../../src/config/statsd.ts';

const refusal = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ConfigError);
  assert.match(error.message, message);
  return true;
};

describe('the address of --admin', () => {
  const accepted: readonly (readonly [text: string, address: AdminAddress])[] = [
    ['127.0.0.1:9000', { kind: 'tcp', host: '127.0.0.1', port: 9000 }],
    ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
    ['[::1]:9000', { kind: 'tcp', host: '::1', port: 9000 }],
    ['0.0.0.0:9000', { kind: 'tcp', host: '0.0.0.0', port: 9000 }],
    ['9000', { kind: 'tcp', host: '127.0.0.1', port: 9000 }],
    ['unix:admin.sock', { kind: 'unix', path: 'admin.sock' }],
  ];
  for (const [text, address] of accepted)
    it(`may be ${text}`, () => assert.deepEqual(parseAdminAddress(text, 'x'), address));

  const refused: readonly (readonly [text: string, why: RegExp])[] = [
    [':9000', /^x: metrics .* it would be all addresses of this machine; write 0\.0\.0\.0/],
    ['localhost', /the port is missing/],
    ['[::1]', /the port is missing/],
    ['fd://3', /a descriptor cannot be used here/],
    ['http://localhost:9000', /^x: /],
    ['', /^x: /],
  ];
  for (const [text, why] of refused)
    it(`is not ${JSON.stringify(text)}`, () => assert.throws(() => parseAdminAddress(text, 'x'), refusal(why)));

  const together: readonly (readonly [admin: string, bind: string, isRefused: boolean])[] = [
    ['127.0.0.1:8000', '127.0.0.1:8000', true],
    ['127.0.0.1:8000', '0.0.0.0:8000', true],
    ['0.0.0.0:8000', '127.0.0.1:8000', true],
    ['[::]:8000', '127.0.0.1:8000', true],
    ['127.0.0.1:8000', '127.0.0.2:8000', false],
    ['127.0.0.1:8000', '127.0.0.1:8001', false],
    ['127.0.0.1:0', '127.0.0.1:0', false],
    ['unix:/run/a.sock', 'unix:/run/../run/a.sock', true],
    ['unix:a.sock', 'unix:/srv/a.sock', true],
    ['unix:a.sock', 'unix:/run/a.sock', false],
    ['unix:a.sock', 'fd://3', false],
  ];
  for (const [admin, bind, isRefused] of together) {
    it(`${isRefused ? 'cannot' : 'can'} be ${admin} where the application is at ${bind}`, () => {
      const binds: readonly BindAddress[] = [parseBindAddress('127.0.0.9:1', 'x'), parseBindAddress(bind, 'x')];
      const read = () =>
        adminFrom({ admin: { value: parseAdminAddress(admin, 'x'), origin: 'flag --admin' } }, binds, '/srv');
      if (isRefused) assert.throws(read, refusal(/^flag --admin: the application is served at that address/));
      else assert.ok(read() !== null);
    });
  }

  const warned: readonly (readonly [text: string, warning: RegExp | null])[] = [
    ['127.0.0.1:1', null],
    ['127.8.8.8:1', null],
    ['[::1]:1', null],
    ['localhost:1', null],
    ['unix:a', null],
    ['0.0.0.0:1', /^Metrics are served at all addresses of this machine, port 1: without a password/],
    ['[::]:1', /^Metrics are served at all addresses/],
    ['[0:0::0]:1', /^Metrics are served at all addresses/],
    ['192.0.2.1:1', /^Metrics are served at 192\.0\.2\.1, which is no loopback address, port 1/],
    ['[2001:db8::1]:1', /no loopback address/],
    ['host.example:1', /^Metrics are served at host\.example, which is no loopback address/],
  ];
  for (const [text, warning] of warned) {
    it(`${text} ${warning === null ? 'needs no warning' : 'is warned of'}`, () => {
      const [first] = adminWarnings(parseAdminAddress(text, 'x'));
      if (warning === null) assert.equal(first, undefined);
      else assert.match(first ?? '', warning);
    });
  }
});

describe('the settings of StatsD', () => {
  const hosts: readonly (readonly [text: string, host: string, port: number])[] = [
    ['localhost:8125', 'localhost', 8125],
    ['localhost', 'localhost', 8125],
    ['10.0.0.1:9125', '10.0.0.1', 9125],
    ['[::1]:8125', '::1', 8125],
  ];
  for (const [text, host, port] of hosts)
    it(`may send to ${text}`, () => assert.deepEqual(parseStatsdHost(text, 'x'), { host, port }));

  const refused: readonly (readonly [text: string, why: RegExp])[] = [
    ['unix:///run/statsd.sock', /Node has no datagrams over Unix sockets/],
    [':8125', /there is no host in it/],
    ['8125', /there is no host in it/],
    ['', /there is no host in it/],
    ['host:0', /the port is 0/],
    ['fd://3', /there is no host in it/],
    ['a b:8125', /^x: /],
  ];
  for (const [text, why] of refused)
    it(`cannot send to ${JSON.stringify(text)}`, () => assert.throws(() => parseStatsdHost(text, 'x'), refusal(why)));

  for (const text of ['a\nb:1|c', 'a|b', 'a@b', 'é', '\x00']) {
    it(`have no ${JSON.stringify(text)} in names`, () =>
      assert.throws(() => parseStatsdText(text, 'x'), refusal(/^x: /)));
  }
  it('have tags', () => assert.equal(parseStatsdText('env:prod,region:eu-1', 'x'), 'env:prod,region:eu-1'));
});
