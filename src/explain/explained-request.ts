import { addressText } from '../inspect/address-text.ts';
import type { ClientAddress } from '../inspect/client-address.ts';
import { originOf } from '../policy/origin.ts';
import type { Policy } from '../policy/policy.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import { catalogue } from '../rejection/catalogue.ts';
import type { Rejection } from '../rejection/rejection.ts';
import { isObservable, rules } from '../rejection/rules.ts';
import { decidingValues, modeOf } from './decision.ts';
import { type EffectiveValue, effectiveValue, effectiveValues } from './effective-value.ts';
import type { Explanation } from './explain.ts';
import { hasBareLineFeeds } from './line-ends.ts';
import type { RecordedRequest } from './recorded-requests.ts';

/** A refusal, or what would be one, with all that is known of it. */
export type ExplainedRejection = Rejection & {
  /** The standard behind the rule. */
  readonly source: string;
  readonly meaning: string;
  /** The values that decided; none: no policy can allow it. */
  readonly decided: readonly EffectiveValue[];
  /** What makes it refuse, or only observe; null for rules that always refuse. */
  readonly mode: EffectiveValue | null;
};

/** One request with what becomes of it and why: what `policy explain` says, before anybody lays it out. */
export type ExplainedRequest = {
  /** Method and target; the first bytes where there is no whole head. */
  readonly request: string;
  /** Without a whole head no route is known. */
  readonly hasHead: boolean;
  readonly host: string | null;
  /** Empty for a Unix socket. */
  readonly client: string;
  /** The trusted proxy that says so; null: the client is whoever sent it. */
  readonly proxy: string | null;
  readonly verdict: Explanation['verdict'];
  readonly rejection: ExplainedRejection | null;
  readonly observed: readonly ExplainedRejection[];
  readonly route: { readonly label: string; readonly pointer: string; readonly origin: string } | null;
  readonly closes: boolean;
  /** The rate limits that a server would count it under; null where it is refused before, or there are none. */
  readonly countedBy: EffectiveValue | null;
  readonly effective: readonly EffectiveValue[];
  readonly environ: Explanation['environ'];
  readonly hint: string | null;
  readonly recorded: RecordedRequest | null;
};

export type Sender = { readonly text: string; readonly address: ClientAddress | undefined };

const mostExcerptBytes = 300;
/** Where a line end is looked for: no head is longer. */
const mostHeadBytes = 256 * 1024;

/** `bytes` are those that `explanation` is about, from the start of its request or of what came before it. */
export function explainedRequest(
  explanation: Explanation,
  bytes: Uint8Array,
  sender: Sender,
  recorded: RecordedRequest | null,
  inForce: PolicyInForce,
): ExplainedRequest {
  const { policy } = inForce;
  const { effective, host, closes, environ, verdict, requestLine, start } = explanation;
  const named = explanation.forwarded?.client?.address ?? null;
  const own = bytes.subarray(start, start + mostHeadBytes);
  const explainRejection = (rejection: Rejection): ExplainedRejection => ({
    ...rejection,
    source: rules[rejection.rule].source,
    meaning: catalogue[rejection.rule].meaning,
    decided: decidingValues(rejection, explanation, inForce, named ?? sender.address),
    mode: isObservable(rejection.rule) ? modeOf(rejection.rule, effective, policy) : null,
  });
  const pointer = `/routes/${effective.route}`;
  const label = effective.route === null ? undefined : policy.routes[effective.route]?.label;
  return {
    request: requestLine ?? firstLine(own),
    hasHead: requestLine !== null,
    host,
    client: named === null ? sender.text : addressText(named),
    proxy: named === null ? null : sender.text,
    verdict,
    rejection: explanation.rejection === null ? null : explainRejection(explanation.rejection),
    observed: explanation.observed.map(explainRejection),
    route: label === undefined ? null : { label, pointer, origin: originOf(policy, pointer) },
    closes,
    countedBy: countedBy(explanation, policy),
    effective: effectiveValues(effective, policy),
    environ,
    hint: recorded === null ? hintFor(explanation, own) : null,
    recorded,
  };
}

/** They are not judged: how many requests came before, and when, is not in the bytes. */
function countedBy({ environ, effective }: Explanation, policy: Policy): EffectiveValue | null {
  // What has an environ has passed all that is decided on its head.
  return environ === null || effective.values.rateLimits.length === 0
    ? null
    : effectiveValue('/rateLimits', effective, policy);
}

function firstLine(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, mostExcerptBytes)).toString('latin1');
  return text.trimStart().split(/\r?\n/, 1)[0] ?? '';
}

/** What somebody who typed a request in an editor can hardly see. */
function hintFor({ verdict, rejection, requestLine }: Explanation, bytes: Uint8Array): string | null {
  if (verdict === 'pass' || bytes.length === 0) return null;
  if (rejection?.pointer !== null && verdict === 'refuse') return null;
  if (hasBareLineFeeds(bytes)) return 'lines here end with LF alone, those of HTTP with CRLF; --crlf reads LF as CRLF';
  if (verdict === 'refuse') return null;
  return requestLine === null ? 'an empty line ends a head' : 'the content is shorter than its head says';
}
