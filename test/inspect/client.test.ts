import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AddressSet } from '../../src/inspect/address-set.ts';
import { parseAddress } from '../../src/inspect/client-address.ts';
import { Inspection } from '../../src/inspect/inspect.ts';
import type { RuleId } from '../../src/rejection/rules.ts';
import { readCases } from '../support/cases.ts';
import { policyOf, verdictOf } from './inspect-cases.ts';

type ClientCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  /** null: has no address; `gone`: had one. */
  readonly client: string | null;
  readonly rejected?: RuleId;
};

function inspectionOf(client: string | null): Inspection {
  const inspection = new Inspection();
  if (client === 'gone') inspection.client = null;
  else if (client !== null) inspection.client = parseAddress(client) ?? assert.fail(client);
  return inspection;
}

const setOf = (blocks: readonly string[] = []): AddressSet | null =>
  blocks.length === 0 ? null : new AddressSet(blocks);

describe('the check of a client', () => {
  for (const { behaviour, source, allow, deny, client, rejected } of readCases<ClientCase>(
    'client.cases.json',
    import.meta.url,
  )) {
    it(`${behaviour} (${source})`, () => {
      const policy = { ...policyOf(), allow: setOf(allow), deny: setOf(deny) };
      assert.equal(verdictOf('GET / HTTP/1.1\r\nHost: a\r\n\r\n', policy, inspectionOf(client)), rejected);
    });
  }

  it('speaks before all others, so that a denied client learns nothing', () => {
    const policy = { ...policyOf({ methods: ['GET'], lineBytes: 9 }), checksHeadLimits: true, deny: setOf(['::1']) };
    assert.equal(verdictOf('PUT /.. HTTP/1.1\r\nHost: a\r\n\r\n', policy, inspectionOf('::1')), 'client.denied');
  });
});
