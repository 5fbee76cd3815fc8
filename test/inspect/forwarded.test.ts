import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AddressSet } from '../../src/inspect/address-set.ts';
import { addressText } from '../../src/inspect/address-text.ts';
import { type ForwardedFamily, readForwarded, type TrustedProxies } from '../../src/inspect/forwarded.ts';
import { bytesOf, readCases } from '../support/cases.ts';
import { withHead } from '../support/with-head.ts';

type ForwardedCase = {
  readonly behaviour: string;
  readonly source: string;
  /** Field lines behind Host. */
  readonly fields: readonly string[];
  readonly family?: ForwardedFamily;
  readonly hops?: number;
  /** Left out where nobody is named. */
  readonly client?: string;
  readonly port?: string;
  readonly scheme?: string;
  readonly malformed?: true;
};

const addresses = new AddressSet(['10.0.0.0/8', 'fd00::/8']);

function read(fields: readonly string[], proxies: Partial<TrustedProxies>) {
  const request = ['GET / HTTP/1.1', 'Host: a', ...fields, '', ''].join('\r\n');
  const { client, scheme, isMalformed } = withHead(bytesOf(request), (head) =>
    readForwarded(head, { addresses, hops: 1, fields: 'x-forwarded', ...proxies }),
  );
  const named = client === null ? null : { address: addressText(client.address), port: client.port };
  return { client: named, scheme, isMalformed };
}

describe('what a trusted proxy says of a request', () => {
  for (const row of readCases<ForwardedCase>('forwarded.cases.json', import.meta.url)) {
    const { behaviour, source, fields, family = 'x-forwarded', hops = 1 } = row;
    it(`${behaviour} (${source})`, () => {
      assert.deepEqual(read(fields, { hops, fields: family }), {
        client: row.client === undefined ? null : { address: row.client, port: row.port ?? '' },
        scheme: row.scheme ?? null,
        isMalformed: row.malformed ?? false,
      });
    });
  }

  /** What a client may send, of the bytes that mean something here. */
  const anything = fc.string({ unit: fc.constantFrom(...'for=10.2;:"\\,[] _proto'), maxLength: 40 });
  const trusted = fc.constantFrom('10.0.0.1', '10.9.9.9:80', '[fd00::1]:1', 'fd00::2');
  const stranger = fc.constantFrom('198.51.100.7', '198.51.100.7:80', '[2001:db8::1]:1', '2001:db8::2');
  /** A client's text, then what each of the trusted proxies appends: the address of whoever came to it. */
  const passed = fc.tuple(anything, stranger, fc.array(trusted, { maxLength: 3 }));

  for (const family of ['x-forwarded', 'forwarded'] as const) {
    it(`is the client that the outermost of them saw, whatever that client sent (${family})`, () => {
      fc.assert(
        fc.property(passed, fc.boolean(), ([sent, client, proxies], onLines) => {
          const seen = [client, ...proxies];
          const [name, entries] =
            family === 'forwarded' ? ['Forwarded', seen.map((node) => `for="${node}"`)] : ['X-Forwarded-For', seen];
          const values = onLines ? [sent, ...entries] : [`${sent}, ${entries.join(', ')}`];
          const fields = values.map((value) => `${name}: ${value}`);
          const alone = read([`${name}: ${entries[0]}`], { fields: family });
          assert.deepEqual(read(fields, { fields: family, hops: seen.length }), alone);
          assert.ok(alone.client !== null);
        }),
        { numRuns: 3000 },
      );
    });
  }
});
