import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseAddress } from '../../src/inspect/client-address.ts';
import { Inspection, type InspectPolicy, inspect, inspectForm } from '../../src/inspect/inspect.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import type { PolicyValues, RequestPolicy } from '../../src/policy/policy.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import type { RuleId } from '../../src/rejection/rules.ts';
import { bytesOf, readCases } from '../support/cases.ts';
import { withHead } from '../support/with-head.ts';

/** One row of a case file of the checks: a head that parses, and what they say about it. */
export type InspectCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly request: string;
  /** What differs from the default policy. */
  readonly policy?: Partial<RequestPolicy>;
  readonly clients?: Partial<PolicyValues['clients']>;
  /** Address of the client; left out where it has none, as on a Unix socket; `gone` where it is not known any more. */
  readonly from?: string;
  /** Left out where nothing is refused. */
  readonly rejected?: RuleId;
  readonly expectsContinue?: boolean;
};

export const inspectCaseFiles = [
  'client.cases.json',
  'method.cases.json',
  'target.cases.json',
  'host.cases.json',
  'field-section.cases.json',
  'content.cases.json',
] as const;

const shipped = loadPolicy(null);
const inspection = new Inspection();

export function inspectCases(file: string): readonly InspectCase[] {
  return readCases<InspectCase>(file, import.meta.url);
}

/** The rule that the checks give for the first request in these bytes, if any. */
export function verdict(request: string, policy: Partial<RequestPolicy> = {}): RuleId | undefined {
  return caseVerdict({ request, policy });
}

type Circumstances = Pick<InspectCase, 'request' | 'policy' | 'clients' | 'from'>;

/** The same, from the client of the case and under the lists of clients that it has. */
export function caseVerdict({ request, policy, clients, from }: Circumstances, used = inspection): RuleId | undefined {
  used.client = from === undefined ? undefined : from === 'gone' ? null : parseAddress(from);
  return verdictOf(request, policyOf(policy, clients), used);
}

export function verdictOf(request: string, policy: InspectPolicy, inspection: Inspection): RuleId | undefined {
  return withHead(
    bytesOf(request),
    (head) => (inspectForm(head, inspection) ?? inspect(head, policy, inspection))?.rule,
  );
}

/** The shipped default with some of what it says of requests and clients changed. */
export function policyOf(
  changes: Partial<RequestPolicy> = {},
  clients: Partial<PolicyValues['clients']> = {},
): InspectPolicy {
  const request = { ...shipped.request, ...changes };
  return putInForce({ ...shipped, request, clients: { ...shipped.clients, ...clients } }).general;
}

export function testInspectCases(file: string): void {
  for (const row of inspectCases(file)) {
    it(`${row.behaviour} (${row.source})`, () => assert.equal(caseVerdict(row), row.rejected));
  }
}
