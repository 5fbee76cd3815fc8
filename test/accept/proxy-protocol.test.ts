import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProxyPreamble, preambleFrom } from '../../src/accept/proxy-preamble.ts';
import { longestV1, longestV2, type ProxyVersion, readProxyHeader } from '../../src/accept/proxy-protocol.ts';
import type { PreambleReading } from '../../src/connection/preamble.ts';
import { AddressSet } from '../../src/inspect/address-set.ts';
import { addressText } from '../../src/inspect/address-text.ts';
import type { TrustedProxies } from '../../src/inspect/forwarded.ts';
import { bytesOf } from '../support/cases.ts';
import { byteByByte } from '../support/parser-events.ts';
import { proxyCases } from './proxy-cases.ts';

const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** What comes of these pieces, and how many of them it took. */
function read(pieces: readonly Uint8Array[], version: ProxyVersion): { reading: PreambleReading; taken: number } {
  const preamble = new ProxyPreamble(version);
  for (const [index, piece] of pieces.entries()) {
    // As a socket reads: every piece into the same memory.
    const lent = Buffer.from(piece);
    const reading = preamble.receive(lent);
    if (reading.type !== 'incomplete') return { reading, taken: index + 1 };
    lent.fill('x');
  }
  return { reading: { type: 'incomplete' }, taken: pieces.length };
}

function textOf(reading: PreambleReading): string {
  if (reading.type !== 'complete') return reading.type;
  return reading.source === null ? 'the peer' : `${addressText(reading.source.address)} ${reading.source.port}`;
}

describe('a PROXY header', () => {
  for (const { behaviour, source, version, header, client, port, rejected } of proxyCases) {
    it(`${behaviour} (${source}, ${version})`, () => {
      const bytes = bytesOf(header);
      const expected = rejected !== undefined ? 'malformed' : client === undefined ? 'the peer' : `${client} ${port}`;
      const alone = read([bytes], version).reading;
      assert.equal(textOf(alone), expected);

      const whole = read([bytes, Buffer.from(request)], version);
      assert.equal(textOf(whole.reading), expected);
      const together = read([Buffer.concat([bytes, Buffer.from(request)])], version).reading;
      assert.equal(textOf(together), expected);
      const single = read(byteByByte(Buffer.concat([bytes, Buffer.from(request)])), version);
      assert.equal(textOf(single.reading), expected);
      if (alone.type === 'malformed') {
        assert.deepEqual([single.reading, together], [alone, alone]);
        assert.ok(single.taken <= (bytes[0] === 0x50 ? longestV1 : longestV2));
        return;
      }
      assert.equal(single.taken, bytes.length);
      if (together.type === 'complete') assert.equal(Buffer.from(together.rest).toString(), request);
    });
  }

  it('that is cut anywhere is incomplete until its last byte', () => {
    for (const { version, header } of proxyCases.filter(({ rejected }) => rejected === undefined)) {
      const bytes = bytesOf(header);
      for (let length = 0; length < bytes.length; length++) {
        assert.equal(readProxyHeader(bytes.subarray(0, length), version).type, 'incomplete', `${header} at ${length}`);
      }
    }
  });

  it('that is none says why without a byte of the client', () => {
    for (const { version, header } of proxyCases) {
      const found = readProxyHeader(bytesOf(header), version);
      if (found.type === 'malformed') assert.match(found.fault, /^[A-Za-z0-9 ,]{1,80}$/);
    }
  });
});

describe('a connection', () => {
  const proxies: TrustedProxies = { addresses: new AddressSet(['10.0.0.0/8']), hops: 1, fields: 'x-forwarded' };

  // biome-ignore format: a table
  const cases = [
    ['of a trusted peer begins with a header', { remoteAddress: '10.0.0.1' }, 'v1', proxies, true],
    ['of a trusted peer that the kernel shows as IPv6 begins with one', { remoteAddress: '::ffff:10.0.0.1' }, 'any', proxies, true],
    ['of another peer begins with its request', { remoteAddress: '192.0.2.1' }, 'v1', proxies, false],
    ['over a Unix socket begins with its request', {}, 'v2', proxies, false],
    ['of a peer that has gone begins with nobody knows what', { localAddress: '10.0.0.2' }, 'v2', proxies, undefined],
    ['of a peer that has gone begins with its request where no other has a header', { localAddress: '10.0.0.2' }, 'off', proxies, false],
    ['begins with its request where nobody is trusted', { remoteAddress: '10.0.0.1' }, 'v2', null, false],
    ['begins with its request where the policy says off', { remoteAddress: '10.0.0.1' }, 'off', proxies, false],
  ] as const;
  for (const [behaviour, socket, protocol, trusted, expected] of cases) {
    it(behaviour, () => {
      const preamble = preambleFrom(socket, protocol, trusted);
      assert.equal(preamble === undefined ? undefined : preamble !== null, expected);
    });
  }
});
