import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Inspection, type InspectPolicy, inspect, inspectForm } from '../../src/inspect/inspect.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import type { RequestPolicy } from '../../src/policy/policy.ts';
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
  /** Left out where nothing is refused. */
  readonly rejected?: RuleId;
  readonly expectsContinue?: boolean;
};

export const inspectCaseFiles = [
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
  return verdictOf(request, policyOf(policy), inspection);
}

export function verdictOf(request: string, policy: InspectPolicy, inspection: Inspection): RuleId | undefined {
  return withHead(
    bytesOf(request),
    (head) => (inspectForm(head, inspection) ?? inspect(head, policy, inspection))?.rule,
  );
}

/** The shipped default with some of what it says of requests changed. */
export function policyOf(changes: Partial<RequestPolicy> = {}): InspectPolicy {
  return putInForce({ ...shipped, request: { ...shipped.request, ...changes } }).general;
}

export function testInspectCases(file: string): void {
  for (const { behaviour, source, request, policy, rejected } of inspectCases(file)) {
    it(`${behaviour} (${source})`, () => assert.equal(verdict(request, policy), rejected));
  }
}
