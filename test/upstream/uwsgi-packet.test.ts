import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodePairs } from '../../src/upstream/environ.ts';
import { encodePacket, type PacketLimits, subjectOfPacket, variableIn } from '../../src/upstream/uwsgi-packet.ts';
import { bytesOf, readCases } from '../support/cases.ts';
import { readPacket } from './uwsgi-upstream.ts';

type Row = {
  readonly behaviour: string;
  readonly environ: Readonly<Record<string, string>>;
  readonly limits?: PacketLimits;
  readonly variables?: Readonly<Record<string, string>>;
  readonly rejected?: string;
};

const usual = { bufferBytes: 4096, maxVariables: 128 };

function expandAll(pairs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key, bytesOf(value).toString('latin1')]));
}

function blockOf(environ: Readonly<Record<string, string>>): Buffer {
  return Buffer.from(encodePairs(Object.entries(expandAll(environ))), 'latin1');
}

describe('a uwsgi packet', () => {
  for (const { behaviour, environ, limits = usual, variables, rejected } of readCases<Row>(
    './uwsgi-packet.cases.json',
    import.meta.url,
  )) {
    it(behaviour, () => {
      const packet = encodePacket(blockOf(environ), limits);
      if (Buffer.isBuffer(packet)) {
        const { modifiers, variables: read, end } = readPacket(packet);
        assert.deepEqual(modifiers, [0, 0]);
        assert.equal(end, packet.length);
        assert.deepEqual(read, expandAll(variables ?? {}));
      } else {
        assert.deepEqual([packet.rule, packet.detail], ['upstream.too-large', rejected]);
      }
    });
  }

  it('says which request it is, and nothing of its query', () => {
    const packet = encodePacket(blockOf({ REQUEST_METHOD: 'PUT', RAW_URI: '/a?secret' }), usual);
    assert.ok(Buffer.isBuffer(packet));
    assert.equal(subjectOfPacket(packet), 'PUT /a');
    assert.equal(variableIn(packet, 'HTTP_HOST'), '');
  });
});
