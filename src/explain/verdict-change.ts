import type { ParserContext } from '../http1/request-parser.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import { arrivalFrom } from './arriving.ts';
import { type Explanation, explainFirst } from './explain.ts';
import type { RecordedRequest } from './recorded-requests.ts';

/** A recorded request of which two policies think differently. */
export type VerdictChange = {
  readonly recorded: RecordedRequest;
  readonly old: Explanation;
  readonly new: Explanation;
};

/** Those requests whose verdict, rule or observed rules change; the route alone is no verdict. */
export function* verdictChanges(
  requests: readonly RecordedRequest[],
  old: PolicyInForce,
  now: PolicyInForce,
  context: ParserContext,
): Generator<VerdictChange> {
  for (const recorded of requests) {
    const change = {
      recorded,
      old: explanationUnder(old, recorded, context),
      new: explanationUnder(now, recorded, context),
    };
    if (verdictOf(change.old, recorded) !== verdictOf(change.new, recorded)) yield change;
  }
}

function explanationUnder(
  policy: PolicyInForce,
  { bytes, client }: RecordedRequest,
  context: ParserContext,
): Explanation {
  return explainFirst(bytes, policy, arrivalFrom(client ?? '', policy.policy.name), context);
}

/** A recording that was cut is incomplete because of the recorder: the policy has nothing against it. */
function verdictOf({ verdict, rejection, observed }: Explanation, { isCut }: RecordedRequest): string {
  const shown = isCut && verdict === 'incomplete' ? 'pass' : verdict;
  return [shown, rejection?.rule, rejection?.status, ...observed.map(({ rule }) => rule).sort()].join(' ');
}
