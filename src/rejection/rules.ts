/**
 * Every way this server refuses, in one table: logs, metrics, `explain`, the docs and the tests read it.
 * `status` null: the connection is only closed. `pointer` null: no policy can allow it.
 * `ends`: whether the refusal ends the connection (framing, limits, time-outs of the peer: nothing more is parsed) or
 * only this request (the connection lives on where its content was read whole).
 */
export type Rule = {
  readonly status: number | null;
  readonly source: string;
  readonly pointer: string | null;
  readonly ends: 'connection' | 'request';
  /** A policy may let it pass and only log it (`mode: observe`). */
  readonly observable?: true;
};

// biome-ignore format: a table, one rule a line
export const rules = {
  'request-line.too-long': { status: 414, source: 'RFC 9112 section 3', pointer: '/request/line/maxBytes', ends: 'connection', observable: true },
  'request-line.malformed': { status: 400, source: 'RFC 9112 section 3', pointer: null, ends: 'connection' },
  'version.unsupported': { status: 505, source: 'RFC 9110 section 15.6.6', pointer: null, ends: 'connection' },
  'method.not-allowed': { status: 405, source: 'RFC 9110 section 15.5.6', pointer: '/request/methods', ends: 'request', observable: true },
  'method.unknown': { status: 501, source: 'RFC 9110 section 9.1', pointer: null, ends: 'connection' },
  'target.malformed': { status: 400, source: 'RFC 9112 section 3.2', pointer: null, ends: 'connection' },
  'target.forbidden': { status: 400, source: 'RFC 3986 section 3.3', pointer: '/request/target', ends: 'connection', observable: true },
  'target.not-mounted': { status: 404, source: 'RFC 9110 section 15.5.5', pointer: null, ends: 'request' },
  'host.missing': { status: 400, source: 'RFC 9112 section 3.2', pointer: null, ends: 'connection' },
  'host.malformed': { status: 400, source: 'RFC 9112 section 3.2', pointer: null, ends: 'connection' },
  'host.conflict': { status: 400, source: 'RFC 9112 section 3.2.2', pointer: null, ends: 'connection' },
  'host.not-allowed': { status: 421, source: 'RFC 9110 section 15.5.20', pointer: '/request/hosts', ends: 'request', observable: true },
  'fields.too-many': { status: 431, source: 'RFC 6585 section 5', pointer: '/request/fields/maxCount', ends: 'connection', observable: true },
  'field.too-large': { status: 431, source: 'RFC 6585 section 5', pointer: '/request/fields/maxFieldBytes', ends: 'connection', observable: true },
  'fields.too-large': { status: 431, source: 'RFC 6585 section 5', pointer: '/request/fields/maxTotalBytes', ends: 'connection' },
  'field.malformed': { status: 400, source: 'RFC 9112 section 5', pointer: null, ends: 'connection' },
  'field.repeated': { status: 400, source: 'RFC 9110 section 5.3', pointer: null, ends: 'connection' },
  'framing.conflict': { status: 400, source: 'RFC 9112 section 6.3', pointer: null, ends: 'connection' },
  'framing.transfer-coding': { status: 501, source: 'RFC 9112 section 6.1', pointer: null, ends: 'connection' },
  'framing.content-length': { status: 400, source: 'RFC 9110 section 8.6', pointer: null, ends: 'connection' },
  'framing.chunk': { status: 400, source: 'RFC 9112 section 7.1', pointer: null, ends: 'connection' },
  'trailer.forbidden': { status: 400, source: 'RFC 9110 section 6.5.1', pointer: '/request/trailers', ends: 'connection' },
  'trailer.too-large': { status: 431, source: 'RFC 6585 section 5', pointer: '/request/fields', ends: 'connection' },
  'content.too-large': { status: 413, source: 'RFC 9110 section 15.5.14', pointer: '/request/content/maxBytes', ends: 'connection', observable: true },
  'content.too-slow': { status: 408, source: 'RFC 9110 section 15.5.9', pointer: '/timeouts/contentMinRate', ends: 'connection' },
  'response.too-slow': { status: null, source: 'RFC 9112 section 9.5', pointer: '/timeouts/writeMinRate', ends: 'connection' },
  'rate.exceeded': { status: 429, source: 'RFC 6585 section 4', pointer: '/rateLimits', ends: 'request', observable: true },
  'rate.unknown': { status: 503, source: 'RFC 9110 section 15.6.4', pointer: '/rateLimitStore/outage', ends: 'request' },
  'client.blocked': { status: 429, source: 'RFC 6585 section 4', pointer: '/jail', ends: 'connection' },
  'client.denied': { status: 403, source: 'RFC 9110 section 15.5.4', pointer: '/clients', ends: 'connection', observable: true },
  'expect.unsupported': { status: 417, source: 'RFC 9110 section 10.1.1', pointer: null, ends: 'connection' },
  'timeout.head': { status: 408, source: 'RFC 9110 section 15.5.9', pointer: '/timeouts/head', ends: 'connection' },
  'timeout.content': { status: 408, source: 'RFC 9110 section 15.5.9', pointer: '/timeouts/content', ends: 'connection' },
  'timeout.keep-alive': { status: null, source: 'RFC 9112 section 9.5', pointer: '/keepAlive/idle', ends: 'connection' },
  'timeout.write': { status: null, source: 'RFC 9112 section 9.5', pointer: '/timeouts/write', ends: 'connection' },
  'timeout.worker': { status: 504, source: 'RFC 9110 section 15.6.5', pointer: '/timeouts/worker', ends: 'request' },
  'timeout.queue': { status: 503, source: 'RFC 9110 section 15.6.4', pointer: '/timeouts/queue', ends: 'request' },
  'worker.failed': { status: 502, source: 'RFC 9110 section 15.6.3', pointer: null, ends: 'request' },
  'upstream.too-large': { status: 431, source: 'RFC 6585 section 5', pointer: null, ends: 'request' },
  'connections.too-many': { status: 503, source: 'RFC 9110 section 15.6.4', pointer: '/connections/max', ends: 'connection' },
  'proxy.malformed': { status: null, source: 'PROXY protocol section 2', pointer: '/clients/proxyProtocol', ends: 'connection' },
  'memory.exhausted': { status: 503, source: 'RFC 9110 section 15.6.4', pointer: '/memory/budgetBytes', ends: 'connection' },
  'spool.full': { status: 503, source: 'RFC 9110 section 15.6.4', pointer: '/spool/maxBytes', ends: 'connection' },
  'overload.queue': { status: 503, source: 'RFC 9110 section 15.6.4', pointer: '/queue/max', ends: 'request' },
} as const satisfies Record<string, Rule>;

export type RuleId = keyof typeof rules;

/** Those that a policy may observe: what they let pass is still read safely, and bounded. */
export type ObservableRule = {
  [Id in RuleId]: (typeof rules)[Id] extends { readonly observable: true } ? Id : never;
}[RuleId];

export function isObservable(rule: RuleId): rule is ObservableRule {
  return 'observable' in rules[rule];
}

export const observableRules: readonly ObservableRule[] = (Object.keys(rules) as RuleId[]).filter(isObservable);

/** Why a rule cannot be observed, in words that follow it. */
export function whyEnforced(rule: RuleId): string {
  if (rule.startsWith('timeout.') || rule.endsWith('.too-slow')) return 'it ends a wait that nothing else would end';
  if (rule === 'fields.too-large' || rule === 'trailer.too-large') return 'it bounds the memory of a connection';
  if (rule === 'rate.unknown') return 'nobody could count the request, and the policy wants that refused';
  if (rule === 'client.blocked') return 'the request was not read';
  if (rules[rule].status === 503) return 'it keeps the server within its means';
  if (rule === 'target.not-mounted') return 'no application is there';
  if (rule === 'upstream.too-large') return 'the upstream would drop it';
  if (rules[rule].status === 502) return 'there would be nothing to pass on';
  return 'without it a request cannot be read safely';
}
